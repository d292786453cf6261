"""Runs and versions as MLflow keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How long a server or a database may take (seconds).
TIMEOUT_SECONDS = 5

_ACTIVE = "active"


class StoredRun(NamedTuple):
    """A run as MLflow keeps it.

    Attributes:
        run_id: Its id.
        status: RUNNING, FINISHED, FAILED or KILLED.
        started: When it began (ms since 1970, UTC).
        artifact_uri: Where its files lie.
        params: Parameters by flat name, as text.
        metrics: The latest value of each metric.
        tags: Tags, MLflow's own among them.
    """

    run_id: str
    status: str
    started: int
    artifact_uri: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


class StoredVersion(NamedTuple):
    """A version of a registered model as MLflow keeps it.

    Attributes:
        number: Counted by MLflow.
        created: When it was registered (ms since 1970, UTC).
        source: Address of the logged model, `models:/ID`.
        run_id: The run that logged it; empty if it is not known.
        tags: What was noted with it.
    """

    number: int
    created: int
    source: str
    run_id: str
    tags: dict[str, str]


class LoggedModel(NamedTuple):
    """Where MLflow keeps the files of a logged model, and those of its experiment."""

    location: str
    experiment: str


def pick_experiments(name: str, found: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the ids of the experiment of that name, and of those it had before the project was moved.

    Args:
        name: Of the experiment.
        found: Id, name and stage of each candidate.

    Raises:
        RuntimeError: The experiment of that name was deleted; worded as MLflow words it.
    """
    for identity, called, stage in found:
        if called == name and stage != _ACTIVE:
            raise RuntimeError(f"experiment {identity} must be in the 'active' state")
    wanted = [(called != name, identity) for identity, called, stage in found if stage == _ACTIVE]
    return [identity for _, identity in sorted(wanted)]
