"""What happens around every command and run."""
