"""Whether the code and the raw months that a run had are those at hand."""

from __future__ import annotations

import logging
from pathlib import Path

from ride_duration.datasets.month_files import fingerprint
from ride_duration.errors import IntegrityError, RideDurationError
from ride_duration.provenance import LOCK, UNKNOWN, changed_files, code_at_hand, why_unknown
from ride_duration.runs.reproduction.record import Record

log = logging.getLogger(__name__)

_SHORT = 8
_FEW = 3


def check_at_hand(record: Record, project: Path, *, checkout: bool, anyway: bool) -> None:
    """Stop where something else is at hand than the run was made from; warn where that cannot be known.

    Args:
        record: Of the run.
        project: Folder of the project.
        checkout: The recorded commit will be run, so that the code here does not matter.
        anyway: Known differences of the code are no reason to stop.

    Raises:
        RideDurationError: Names every difference, and what to do.
    """
    raw = raw_differences(record, project)
    here = code_at_hand(project)
    code = code_differences(record, here)
    doubts = code_doubts(record) + ([] if checkout else changes_here(project))
    if checkout:
        code = [f"{line}; the packages are those installed now" for line in code if line.startswith(LOCK)]
    if raw or (code and not checkout and not anyway):
        named = "\n  ".join([*raw, *code, *doubts])
        hint = _raw_hint(record) if raw else _code_hint(record, here)
        what = f"run {record.run_id[:_SHORT]} cannot be reproduced: recorded inputs differ from the current checkout"
        raise IntegrityError(f"{what}:\n  {named}\n{hint}")
    for line in code + doubts:
        log.warning("%s", line)


def code_differences(record: Record, here: dict[str, str]) -> list[str]:
    """In what the code of a run is known to differ from the code at hand, as `code_at_hand` describes it."""
    pairs = (("commit", record.commit, here["git_commit"]), (LOCK, record.lock, here["lock_sha256"]))
    return [
        f"{name}: {then[:_SHORT]} was recorded, here it is {now[:_SHORT]}"
        for name, then, now in pairs
        if then not in (now, UNKNOWN)
    ]


def code_doubts(record: Record) -> list[str]:
    """Why the code of a run may be another than its record says."""
    doubts = []
    if record.commit == UNKNOWN:
        doubts.append("no commit was recorded, so the code may be another")
    if record.dirty is None and record.commit != UNKNOWN:
        doubts.append(
            f"whether files differed from commit {record.commit[:_SHORT]} was not recorded, so the code may be another"
        )
    if record.dirty:
        doubts.append(f"when it ran, files differed from commit {record.commit[:_SHORT]}, so the code may be another")
    if record.lock == UNKNOWN:
        doubts.append(f"no {LOCK} was recorded, so the packages may be others")
    return doubts


def changes_here(project: Path) -> list[str]:
    """Why the code of a project may be another than its commit says."""
    changed = changed_files(project)
    if changed is None:
        return [f"whether files differ from the commit here is not known: {why_unknown(project) or 'it has no git'}"]
    more = f" and {len(changed) - _FEW} more" if len(changed) > _FEW else ""
    return [f"here, files differ from the commit: {', '.join(changed[:_FEW])}{more}"] if changed else []


def raw_differences(record: Record, project: Path) -> list[str]:
    """Which raw months are not those of a run, one line a file.

    A simulated month that is not there is none of them: it can be made again.
    """
    differences = []
    for stem, recorded in sorted(record.raw.items()):
        path = record.raw_folder / f"{stem}.parquet"
        if not (project / path).exists():
            present = None if record.simulated else "it is not there"
        else:
            present = _difference(recorded, project / path)
        if present:
            differences.append(f"{path}: {_describe(recorded)} was recorded, but {present}")
    return differences


def _difference(recorded: tuple[str, int], path: Path) -> str | None:
    try:
        found = fingerprint(path)
    except RideDurationError as error:
        return str(error)
    present = found["sha256"], found["rows"]
    return None if present == recorded else f"{_describe(present)} lies there"


def check_raw_again(record: Record, again: Record) -> None:
    """Compare the raw months that a rerun read, some of them perhaps simulated again, with those of the run.

    Raises:
        RideDurationError: One is another month.
    """
    for stem, recorded in sorted(record.raw.items()):
        if (read := again.raw.get(stem)) != recorded:
            found = _describe(read) if read else "none"
            raise IntegrityError(
                f"{stem}.parquet: {_describe(recorded)} was recorded, the rerun read {found}; "
                "the code simulates it otherwise now, so that metrics cannot be compared"
            )


def _describe(fingerprint: tuple[str, int]) -> str:
    return f"sha256 {fingerprint[0][:_SHORT]} with {fingerprint[1]:,} rows"


def _raw_hint(record: Record) -> str:
    if record.simulated:
        return "Put the recorded months back, or delete those here: simulated months are made again."
    return "Put the recorded months back and type the same again; the TLC may have published others since."


def _code_hint(record: Record, here: dict[str, str]) -> str:
    run_id = record.run_id[:_SHORT]
    if here["git_commit"] == UNKNOWN:
        return f"`kedro runs reproduce {run_id} --anyway` runs what is here."
    return (
        f"`kedro runs reproduce {run_id} --checkout` runs the recorded commit, `--anyway` what is here; "
        f"`git checkout {record.commit[:_SHORT]}` and `make run` bring its packages back, too."
    )
