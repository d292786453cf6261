"""A tracked run had again: what it was made from is compared with what is at hand, then what it found."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.errors import NotFound
from ride_duration.provenance import UNKNOWN, checked_out
from ride_duration.runs.isolated import TRAINING_PIPELINES, Code, execute, present_code, temporary_folder
from ride_duration.runs.reproduction.checks import check_at_hand, check_raw_again
from ride_duration.runs.reproduction.record import Record, read_record
from ride_duration.runs.tracked_runs import TrackedRuns, find_run

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

IDENTICAL = "identical"

#: Of a rerun, so that neither the user's data nor the user's list of runs changes; all of it is removed at the end.
_TRACKING = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}


def reproduce(
    project: Path,
    settings: dict[str, str],
    run_id: str,
    defaults: dict[str, Any],
    *,
    checkout: bool = False,
    anyway: bool = False,
) -> pd.DataFrame:
    """Run a tracked run again, and compare its metrics.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.
        run_id: First characters of the run's id.
        defaults: Parameters as they are now; they serve for those that did not exist when the run was recorded.
        checkout: Run the recorded commit, in a temporary git worktree, and not the code at hand.
        anyway: Run although the commit or the lock file is another.

    Returns:
        One row a metric: `recorded`, `now`, and `result`, which is `identical` or says how they differ.

    Raises:
        RideDurationError: The run cannot be had again, and why.
    """
    tracked = TrackedRuns(project, settings)
    record = read_record(find_run(tracked.find_all(), run_id), tracked)
    check_at_hand(record, project, checkout=checkout, anyway=anyway)
    parameters = record.parameters if checkout else defaults | record.parameters
    months = [project / record.raw_folder / f"{stem}.parquet" for stem in record.raw]
    with temporary_folder() as folder, _code(record, project, folder / "code", checkout) as code:
        log.info("running %s again in a temporary project, with tracking of its own", record.run_id[:8])
        place, environment = folder / "project", record.environment
        execute(place, code, project, parameters, months, environment, TRAINING_PIPELINES, _TRACKING)
        again = TrackedRuns(place, _TRACKING)
        rerun = read_record(again.find_all()[0], again)
    check_raw_again(record, rerun)
    return compare_metrics(record.metrics, rerun.metrics)


@contextmanager
def _code(record: Record, project: Path, folder: Path, checkout: bool) -> Iterator[Code]:
    if not checkout:
        yield present_code(project)
        return
    if record.commit == UNKNOWN:
        raise NotFound(
            f"run {record.run_id[:8]} has no recorded commit that could be checked out; leave --checkout away"
        )
    with checked_out(project, record.commit, folder) as root:
        yield Code(root, root / "src")


def compare_metrics(recorded: dict[str, float], now: dict[str, float]) -> pd.DataFrame:
    """Put metrics side by side, in the order of their names; see `reproduce`."""
    import pandas as pd

    names = sorted(recorded | now)
    pairs = [(recorded.get(name), now.get(name)) for name in names]
    rows = [(then, found, _compare(then, found)) for then, found in pairs]
    return pd.DataFrame(rows, index=pd.Index(names, name="metric"), columns=["recorded", "now", "result"])


def _compare(recorded: float | None, now: float | None) -> str:
    if recorded is None or now is None:
        return "was not recorded" if recorded is None else "is missing now"
    if recorded == now or (math.isnan(recorded) and math.isnan(now)):
        return IDENTICAL
    return f"differs by {now - recorded:.3g}"
