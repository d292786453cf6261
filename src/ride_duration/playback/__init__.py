"""Days of the synthetic city, played to a real service whose clock is driven: a month in about a minute."""
