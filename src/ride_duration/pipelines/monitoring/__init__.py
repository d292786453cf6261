"""Scored months -> daily sums and drift -> a verdict with its cause, as text, report and data."""
