"""Statistics on NumPy arrays alone: each formula once, for training, evaluation and the service alike."""
