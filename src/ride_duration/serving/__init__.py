"""The web service: rides in, minutes out."""
