"""A tracked run had again: what it was made from is compared with what is at hand, then what it found."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ride_duration
from ride_duration.errors import NotFound
from ride_duration.provenance import UNKNOWN, checked_out
from ride_duration.runs.comparison import find_run, find_runs
from ride_duration.runs.reproduction.checks import check_at_hand, check_made_anew
from ride_duration.runs.reproduction.record import Record, read_record
from ride_duration.runs.reproduction.rerun import Code, rerun, temporary_folder

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

IDENTICAL = "identical"


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
    record = read_record(find_run(find_runs(project, settings), run_id), project / settings["artifacts"])
    check_at_hand(record, project, checkout=checkout, anyway=anyway)
    parameters = record.parameters if checkout else defaults | record.parameters
    with temporary_folder() as folder, _code(record, project, folder / "code", checkout) as code:
        log.info("running %s again in a temporary project, with tracking of its own", record.run_id[:8])
        again = rerun(record, code, parameters, project, folder / "project")
    check_made_anew(record, again)
    return compare_metrics(record.metrics, again.metrics)


@contextmanager
def _code(record: Record, project: Path, folder: Path, checkout: bool) -> Iterator[Code]:
    if not checkout:
        yield Code(project, Path(ride_duration.__file__).parents[1])
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
