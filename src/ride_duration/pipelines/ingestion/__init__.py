"""Source (synthetic city, TLC) -> raw months."""
