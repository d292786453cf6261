"""From a parsed ride to its prediction, and what is counted and measured of that."""
