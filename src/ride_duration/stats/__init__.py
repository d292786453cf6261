"""Statistics: plain functions of NumPy arrays, each formula once."""
