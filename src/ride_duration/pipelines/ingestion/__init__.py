"""Source (synthetic city, TLC) -> raw months, and the shapes of the taxi zones."""
