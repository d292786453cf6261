"""What the tracking store holds of a run that can be reproduced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.errors import RideDurationError
from ride_duration.provenance import UNKNOWN
from ride_duration.runs.isolated import TRAINING_PIPELINES

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredRun
    from ride_duration.runs.tracked_runs import TrackedRuns

_ALL = "__default__"
_RAW = "raw."


@dataclass(frozen=True)
class Record:
    """A finished training run.

    Attributes:
        run_id: Its id in MLflow.
        environment: Environment of `conf/` that it ran in; none for the default, `conf/local`.
        commit: Full name of the commit, or `unknown`.
        dirty: Whether files differed from the commit; None where that is not known.
        lock: sha256 of the lock file, or `unknown`.
        parameters: All of them, as they were resolved.
        raw: sha256 and number of rows of each raw month, by file stem.
        metrics: By flat name.
    """

    run_id: str
    environment: str | None
    commit: str
    dirty: bool | None
    lock: str
    parameters: dict[str, Any]
    raw: dict[str, tuple[str, int]]
    metrics: dict[str, float]

    @property
    def source(self) -> str:
        """Where its raw months came from."""
        return str(self.parameters["source"])

    @property
    def raw_folder(self) -> Path:
        """Where its raw months lie in a project, as `conf/base/catalog.yml` has it."""
        return Path("data/01_raw") / self.source

    @property
    def simulated(self) -> bool:
        """Whether its raw months can be made again."""
        return self.parameters.get("sources", {}).get(self.source, "") is None


def read_record(run: StoredRun, tracked: TrackedRuns) -> Record:
    """Read what the tracking store holds of a run.

    Args:
        run: The run.
        tracked: Where it is kept.

    Raises:
        RideDurationError: The run did not finish, trained no model, or lacks its parameters, raw months or metrics.
    """
    run_id, tags = run.run_id, run.tags
    pipelines = tags.get("pipeline", _ALL).split("+")
    raw = {name.removeprefix(_RAW): _sha256_and_rows(value) for name, value in tags.items() if name.startswith(_RAW)}
    if run.status != "FINISHED":
        problem = f"is {run.status.lower()}; only finished runs can"
    elif not {_ALL, TRAINING_PIPELINES[-1]} & set(pipelines):
        problem = f"ran {', '.join(pipelines)}; only runs of {TRAINING_PIPELINES[-1]} can"
    elif not raw:
        problem = "has no fingerprints of raw months, so what it was trained on is not known; it cannot"
    elif not run.metrics:
        problem = "has no metrics that a rerun could be compared with; it cannot"
    else:
        environment = tags.get("environment")
        return Record(
            run_id=run_id,
            environment=None if environment == str(None) else environment,
            commit=tags.get("git_commit", UNKNOWN),
            dirty={"true": True, "false": False}.get(tags.get("git_dirty", UNKNOWN)),
            lock=tags.get("lock_sha256", UNKNOWN),
            parameters=tracked.read_parameters(run),
            raw=raw,
            metrics=run.metrics,
        )
    raise RideDurationError(f"run {run_id[:8]} {problem} be reproduced")


def _sha256_and_rows(tag: str) -> tuple[str, int]:
    sha256, rows = tag.split()
    return sha256, int(rows)
