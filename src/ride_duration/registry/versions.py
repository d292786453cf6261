"""Versions of a model, and what each of them is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ride_duration.registry.decisions import VersionStatus
from ride_duration.registry.rules import find_status

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredVersion
    from ride_duration.registry.decision_log import DecisionLog


class Version(NamedTuple):
    """A registered package.

    Attributes:
        number: Counted by the registry.
        status: What it is.
        run_id: The MLflow run that trained it.
        tags: What was noted when it was registered: months, RMSE in minutes, the fingerprint of the package.
        released: When it was registered (UTC).
    """

    number: int
    status: VersionStatus
    run_id: str
    tags: dict[str, str]
    released: datetime


def describe_version(found: StoredVersion, log: DecisionLog) -> Version:
    """Return a version with what it is by the decisions."""
    return Version(
        found.number,
        find_status(found, log),
        found.tags.get("trained_by", found.run_id),
        found.tags,
        datetime.fromtimestamp(found.created / 1000, UTC),
    )
