"""What is removed from a store: what is older than it has to be kept, and single rides on request.

Rows are deleted a batch at a time, so that services that write at the same time wait for milliseconds alone. A
deletion that is interrupted has removed some of what is old, and is finished by the next one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ride_duration.errors import DecisionRefused
from ride_duration.store.writer.segment import list_segments
from ride_duration.trips.clock import find_midnight

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table

_BATCH = 10_000

#: Columns that hold a New York day, by the table whose rows go with it.
_DAYS = {
    "monitoring_days": "day",
    "monitoring_labels": "day",
    "monitoring_features": "day",
    "monitoring_scores": "last",
    "monitoring_verdicts": "last",
    "incident_days": "day",
}


def prune_store(engine: Engine, first_kept: date, *, dry_run: bool) -> dict[str, int]:
    """Remove logged answers, reports, monitoring rows and levels of the days before one, and alerts over by then.

    Decisions, rollouts and open alerts stay.

    Answers are of the day of their pick-up. A report goes with the answers about its ride, and if it has none, by the
    time when it came in. What was computed of scored months, of whatever year, goes by the time when it was computed;
    a marked day, which training leaves out, by the time when it was marked as well.

    Args:
        engine: Of `database.open_writing_engine`.
        first_kept: The first New York day that is kept.
        dry_run: Count only.

    Returns:
        Rows that were removed, or would be, by table.

    Raises:
        DecisionRefused: A rollout that goes on began before that day; nothing was removed.
    """
    from sqlalchemy import exists, select

    from ride_duration.store.alert_tables import alert_deliveries, alert_silences, alerts
    from ride_duration.store.level_tables import levels
    from ride_duration.store.monitoring import Evidence
    from ride_duration.store.schema import load_metadata
    from ride_duration.store.tables import actuals, predictions, rollouts

    begin = find_midnight(str(first_kept))
    with engine.connect() as connection:
        since = connection.scalar(
            select(rollouts.c.since).where(rollouts.c.ended_at.is_(None), rollouts.c.since < begin)
        )
    if since is not None:
        raise DecisionRefused(
            f"a rollout goes on that began on {datetime.fromtimestamp(since, UTC):%Y-%m-%d}, and needs its answers; "
            "keep more days, or end it with `kedro rollout stop`"
        )
    old = predictions.c.pickup_datetime < datetime(first_kept.year, first_kept.month, first_kept.day)
    kept = exists().where(predictions.c.ride_id == actuals.c.ride_id, ~old)
    removed = {
        "actuals": _remove(engine, actuals, actuals.c.arrival, [actuals.c.received_at < begin, ~kept], dry_run),
        "predictions": _remove(engine, predictions, predictions.c.arrival, [old], dry_run),
    }
    for name, column in _DAYS.items():
        table = load_metadata().tables[name]
        which = [table.c[column] < str(first_kept)]
        if "evidence" in table.c:
            which.append((table.c.evidence != Evidence.SCORED) | (table.c.computed_at < begin))
        if "since" in table.c:
            which.append(table.c.since < begin)
        removed[name] = _remove(engine, table, None, which, dry_run)
    over = select(alerts.c.number).where(alerts.c.resolved_at < begin).scalar_subquery()
    removed["alert_deliveries"] = _remove(engine, alert_deliveries, None, [alert_deliveries.c.alert.in_(over)], dry_run)
    removed["alerts"] = _remove(engine, alerts, None, [alerts.c.resolved_at < begin], dry_run)
    removed["alert_silences"] = _remove(engine, alert_silences, None, [alert_silences.c.until < begin], dry_run)
    removed["levels"] = _remove(engine, levels, None, [levels.c.published_at < begin], dry_run)
    return removed


def remove_ride(engine: Engine, ride_id: str) -> dict[str, int]:
    """Remove everything that is logged about a ride; sums of days, in which it cannot be recognised, stay.

    Args:
        engine: Of `database.open_writing_engine`.
        ride_id: Of the ride.

    Returns:
        Rows that were removed, by table.
    """
    from ride_duration.store.tables import actuals, predictions

    return {
        table.name: _remove(engine, table, table.c.arrival, [table.c.ride_id == ride_id], dry_run=False)
        for table in (predictions, actuals)
    }


def find_in_journals(folder: Path, ride_id: str) -> list[Path]:
    """List the files of journals, of whatever store, in which a ride's id stands: those that are set aside as well.

    Args:
        folder: Of all instances (`serving.folder`).
        ride_id: Of the ride.
    """
    wanted = ride_id.encode()
    files = [path for instance in folder.glob("*/") for store in instance.glob("*/") for path in list_segments(store)]
    files += find_set_aside(folder)
    return [path for path in files if wanted in _read(path)]


def find_set_aside(folder: Path) -> list[Path]:
    """List what services have set aside: damaged files of journals, and records that could not be read.

    Args:
        folder: Of all instances (`serving.folder`).
    """
    return sorted(path for pattern in ("*.damaged*", "*refused*") for path in folder.rglob(pattern) if path.is_file())


def _remove(
    engine: Engine, table: Table, number: Column[int] | None, which: list[ColumnElement[bool]], dry_run: bool
) -> int:
    """Remove rows batch by batch, in the order of a number; at once where there is none: those tables are small."""
    from sqlalchemy import delete, func, select

    with engine.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(table).where(*which)) or 0
    if dry_run or not found:
        return found
    removed = 0
    while True:
        chosen = which
        if number is not None:
            chosen = [number.in_(select(number).where(*which).order_by(number).limit(_BATCH).scalar_subquery())]
        with engine.begin() as connection:
            gone = connection.execute(delete(table).where(*chosen)).rowcount
            if number is not None:
                _lower_watermark(connection, table, number)
        removed += gone
        if number is None or gone < _BATCH:
            return removed


def _lower_watermark(connection: Connection, table: Table, number: Column[int]) -> None:
    """Let no watermark be above the newest row: SQLite gives the number of one that was deleted once more."""
    from sqlalchemy import func, select, update

    from ride_duration.store.level_tables import levels
    from ride_duration.store.monitoring_tables import monitoring_watermarks

    newest = connection.scalar(select(func.max(number))) or 0
    for marked in (monitoring_watermarks, levels):
        mark = marked.c[table.name]
        connection.execute(update(marked).where(mark > newest).values({mark: newest}))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # the database has what it held
        return b""
