"""Receivers of alerts, which listen on this machine."""
