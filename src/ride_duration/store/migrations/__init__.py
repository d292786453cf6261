"""How the tables came to be what they are; applied in order when a service opens its store."""
