"""Tracked runs: compared, run again, and run in a folder of their own."""
