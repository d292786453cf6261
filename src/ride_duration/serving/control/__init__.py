"""What the service serves: follows the registry and the rollout, and keeps packages on disk."""
