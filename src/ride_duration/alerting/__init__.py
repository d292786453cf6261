"""Alerts: raised once, kept in the store until they are delivered, and resolved.

Delivery is at least once: whoever receives a notification twice sees the same idempotency key twice.
"""

from ride_duration.alerting.alert import Alert, Severity

__all__ = ["Alert", "Severity"]
