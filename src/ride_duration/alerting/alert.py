"""What an alert says, and what a channel is given of it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec


class Severity(StrEnum):
    """How soon somebody has to look: INFO never, TICKET on a working day, PAGE now."""

    INFO = "info"
    TICKET = "ticket"
    PAGE = "page"

    @property
    def rank(self) -> int:
        """The higher, the more urgent."""
        return _ORDER.index(self)


_ORDER = [Severity.INFO, Severity.TICKET, Severity.PAGE]


class Event(StrEnum):
    """What a notification is about: an alert was raised, is still open, or is over."""

    RAISED = "raised"
    REMINDER = "reminder"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person has to know.

    Attributes:
        name: What kind of trouble, for programs: `incident`, `retrain`, `drift`, …
        subject: What has it: a registered model, or an instance of the service.
        severity: How soon somebody has to look.
        cause: Of the verdict; `none` where there is none.
        what: What has happened, in one sentence.
        since: When it began (seconds since 1970-01-01 UTC).
        how_bad: The numbers.
        evidence: Where to read more: an address, or a file.
        next_command: What to do.
        version: Of the model that it is about; 0 where it is about none.
    """

    name: str
    subject: str
    severity: Severity
    cause: str = "none"
    what: str
    since: float
    how_bad: str
    evidence: str
    next_command: str
    version: int = 0

    @property
    def fingerprint(self) -> str:
        """The same for all alerts of one name about one subject: only one of them is open at a time."""
        return blake2b(f"{self.name}\0{self.subject}".encode(), digest_size=6).hexdigest()


class Notification(msgspec.Struct, frozen=True):
    """An alert on its way to one channel.

    Attributes:
        key: Idempotency key; the same in every attempt.
        event: What it is about.
        alert: As it was raised.
        at: When the event was (seconds since 1970-01-01 UTC).
    """

    key: str
    event: Event
    alert: Alert
    at: float

    def to_fields(self) -> dict[str, str]:
        """Return everything that a template may name, as text; times are UTC."""
        alert = self.alert
        return {
            "key": self.key, "event": self.event.value, "at": format_time(self.at),
            "fingerprint": alert.fingerprint, "name": alert.name, "subject": alert.subject,
            "severity": alert.severity.value, "cause": alert.cause, "what": alert.what,
            "since": format_time(alert.since), "how_bad": alert.how_bad, "evidence": alert.evidence,
            "next_command": alert.next_command, "title": self.title,
        }  # fmt: skip

    @property
    def title(self) -> str:
        """One line."""
        head = {
            Event.RAISED: self.alert.severity.value,
            Event.REMINDER: f"still open, {self.alert.severity.value}",
            Event.RESOLVED: "resolved",
        }
        return " ".join(f"[{head[self.event]}] {self.alert.what}".split())

    def to_text(self) -> str:
        """Return it as plain text, for people."""
        alert, fields = self.alert, self.to_fields()
        lines = [
            fields["title"],
            "",
            f"Subject:  {alert.subject}",
            f"Severity: {alert.severity}",
            f"Since:    {fields['since']}",
            f"How bad:  {alert.how_bad}",
            f"Evidence: {alert.evidence}",
            f"Next:     {alert.next_command}",
            "",
            f"Alert {alert.fingerprint}, {self.event} at {fields['at']}, key {self.key}.",
        ]
        return "\n".join(lines) + "\n"

    def to_payload(self) -> dict[str, Any]:
        """Return the body that a webhook gets without a template: `type`, `timestamp` and `data`."""
        fields = self.to_fields()
        return {"type": f"alert.{self.event}", "timestamp": fields.pop("at"), "data": fields}


#: What a template may name.
FIELDS = (
    "key", "event", "at", "fingerprint", "name", "subject", "severity", "cause", "what", "since", "how_bad", "evidence",
    "next_command", "title",
)  # fmt: skip


def format_time(at: float) -> str:
    """Return a time as text, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
