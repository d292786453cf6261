"""`kedro store`: keep house. Remove what is old, back up and restore, forget a ride."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.service import service_settings
from ride_duration.cli.tables import printable, show_progress
from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.trips.clock import NEW_YORK

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Fewer days are not kept: windows of 28 days, the days before them, and labels that come late.
_LEAST_DAYS = 90

_PRUNE_EXAMPLES = """\b
Examples:
  kedro store prune --keep 400d --dry-run
  kedro store prune --keep 400d
"""

_BACKUP_EXAMPLES = """\b
Examples:
  kedro store backup backups/2021-06-01
  kedro store backup /mnt/backups/today --env production
"""

_RESTORE_EXAMPLES = """\b
Examples:
  kedro store restore backups/2021-06-01
  kedro store restore backups/2021-06-01 --replace
  kedro store restore backups/2021-06-01 --env production
"""

_FORGET_EXAMPLES = """\b
Examples:
  kedro store forget 4f6a1c
"""


@click.group()
def store() -> None:
    """Keep house: remove what is old, back up and restore, forget a ride."""


@store.command(epilog=_PRUNE_EXAMPLES)
@click.option("--keep", required=True, help="How many days are kept, for instance 400d.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@chosen
def prune(keep: str, dry_run: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Remove logged answers, reports, monitoring rows and scored months that are older.

    Answers are of the day of their pick-up, scored months and their rows of the day on which they were scored. Models,
    runs, rollouts and decisions stay. Services may go on meanwhile. SQLite uses the room again, and its file does not
    shrink.
    """
    with report_errors(traceback):
        from ride_duration.store.housekeeping import prune_store
        from ride_duration.store.monitoring import describe_failures, open_monitoring

        days = _read_days(keep)
        settings = service_settings(env, params, {})
        now = settings.open_clock().now()
        first_kept = (datetime.fromtimestamp(now, NEW_YORK) - timedelta(days)).date()
        removed: dict[str, int] = {}
        if _has_store(settings.store_url):
            engine = open_monitoring(settings.store_url, settings.clock_kind)
            with describe_failures(engine):
                removed = prune_store(engine, first_kept, dry_run=dry_run)
        folder = settings.project_path / "data/07_model_output/scored_trips"
        files = _find_old_files(folder, settings.folder_path, now - days * 86_400)
        for path in () if dry_run else files:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        removed["scored months and files set aside"] = len(files)
        if not any(removed.values()):
            click.echo(f"There is nothing from before {first_kept} ({days} days are kept).")
            return
        would = "would be " if dry_run else ""
        click.echo(f"Before {first_kept} ({days} days are kept), {would}removed:")
        _print_numbers(removed)
        if dry_run:
            click.echo(f"Nothing was removed; `kedro store prune --keep {keep}{same_choice(env, params)}` does it.")


@store.command(epilog=_BACKUP_EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@chosen
def backup(folder: Path, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Copy store, journals and registry into FOLDER, which is made; services may go on meanwhile.

    Everything that a service has acknowledged before is in the copy, whatever database the store is in. Raw months and
    API keys are not.
    """
    with report_errors(traceback):
        from ride_duration.cli.backup_folder import make_backup

        manifest = make_backup(service_settings(env, params, {}), folder, _report_rows)
        _print_numbers((manifest["tables"] or {}) | {"files of journals": manifest["journals"]})
        click.echo(
            "registry: " + ("copied" if manifest["registry"] else "not here, or one that others share: not copied")
        )
        again = f"kedro store restore {shlex.quote(str(folder))}{same_choice(env, params)}"
        click.echo(f"Backed up into {folder}; `{again}` puts it back.")


@store.command(epilog=_RESTORE_EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Set aside the store and the registry that are there.")
@chosen
def restore(folder: Path, replace: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Put a backup back, with services stopped; into another database, too, if the environment names one.

    What is there is set aside under another name with --replace, and never deleted. A PostgreSQL must be empty.
    """
    with report_errors(traceback):
        from ride_duration.cli.backup_folder import restore_backup

        manifest, aside = restore_backup(service_settings(env, params, {}), folder, _report_rows, replace=replace)
        _print_numbers((manifest["tables"] or {}) | {"files of journals": manifest["journals"]})
        for path in aside:
            click.echo(f"set aside: {path}")
        same = same_choice(env, params)
        click.echo(
            f"Restored the backup of {manifest['made_at']}; `kedro models list{same}` and "
            f"`kedro service start{same}` go on from there."
        )


@store.command(epilog=_FORGET_EXAMPLES)
@click.argument("ride_id")
@chosen
def forget(ride_id: str, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Remove everything that is logged about the ride RIDE_ID, on request of whoever rode.

    Sums of days, in which no ride can be recognised, stay. Backups are not changed.
    """
    with report_errors(traceback):
        from ride_duration.store.housekeeping import find_in_journals, remove_ride
        from ride_duration.store.monitoring import describe_failures, open_monitoring

        settings = service_settings(env, params, {})
        removed: dict[str, int] = {}
        if _has_store(settings.store_url):
            engine = open_monitoring(settings.store_url, settings.clock_kind)
            with describe_failures(engine):
                removed = remove_ride(engine, ride_id)
        _print_numbers(removed)
        if left := find_in_journals(settings.folder_path, ride_id):
            raise RideDurationError(
                f"the ride stands in {', '.join(map(str, left))} as well; a running service brings journals into "
                "the store within seconds: do this again then, and delete files that were set aside yourself"
            )
        if not sum(removed.values()):
            raise RideDurationError(f"nothing is logged about a ride {ride_id}")
        click.echo("Forgotten; backups that were made before still have it.")


def _read_days(keep: str) -> int:
    found = re.fullmatch(r"(\d{1,5})d", keep)
    if not found or int(found[1]) < _LEAST_DAYS:
        raise ConfigurationError(
            f"--keep {printable(keep)} cannot be used; give a number of days, {_LEAST_DAYS} at least, for instance 400d"
        )
    return int(found[1])


def _has_store(store_url: str) -> bool:
    """Whether there may be a store: a file of SQLite is not made only to be kept in order."""
    from sqlalchemy import make_url

    url = make_url(store_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _find_old_files(scored: Path, journals: Path, before: float) -> list[Path]:
    """List scored months, and files that services have set aside, that were written before a time."""
    from ride_duration.store.housekeeping import find_set_aside

    months = [path.parent for path in scored.glob("*/*/*/part-0.parquet") if path.stat().st_mtime < before]
    return sorted([*months, *(path for path in find_set_aside(journals) if path.stat().st_mtime < before)])


def _report_rows(table: str, rows: int) -> None:
    show_progress(f"{table}: {rows:,} rows")


def _print_numbers(numbers: Mapping[str, int]) -> None:
    show_progress("")
    for name, number in numbers.items():
        if number:
            click.echo(f"  {name}: {number:,}")
