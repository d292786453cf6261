"""`kedro monitor mark`: days that are left out of the verdict, because somebody knows what broke."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import click

from ride_duration.cli.context import same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.models import decided, examples
from ride_duration.cli.service import service_settings
from ride_duration.cli.tables import printable
from ride_duration.errors import NotFound
from ride_duration.provenance import author

_MARK = '2026-11-26 --by Ana --why "Thanksgiving parade"'
_CLEAR = '2026-11-20..2026-11-23 --clear --by Ana --why "the meters were right"'

_DAYS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.\.([0-9]{4}-[0-9]{2}-[0-9]{2}))?", re.ASCII)


@click.command(epilog=examples(f"mark {_MARK}", f"mark {_CLEAR}", group="monitor"))
@click.argument("days", metavar="FIRST[..LAST]")
@click.option("--clear", is_flag=True, help="Let these days count again.")
@decided("why")
def mark(
    days: str, clear: bool, by: str | None, why: str, env: str | None, params: dict[str, Any], traceback: bool
) -> None:
    """Mark New York days as incidents: the verdict leaves them out, says so, and no alert is raised about them.

    What the monitoring finds by itself on these days is over, too. Training leaves them out as well, and says so; it
    does not with --params=leave_out_incident_days=false.
    """
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        from ride_duration.store import monitoring
        from ride_duration.trips.clock import find_day

        clock = settings.open_clock()
        now = clock.now()
        first, last = read_days(days, find_day(now))
        known = monitoring.read_monitoring(settings.store_url, clock.kind)
        if known is None:
            raise NotFound(
                "there is no store of predictions and verdicts yet; `kedro service start` or `kedro monitor run` with "
                "the same --env begins it"
            )
        known.dispose()
        who = by or author(settings.project_path)
        listed = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        marks = [monitoring.IncidentDay(str(day), monitoring.MARKED, "", now, who, why) for day in listed]
        engine = monitoring.open_monitoring(settings.store_url, clock.kind)
        try:
            with monitoring.begin_writing(engine) as transaction:
                before = monitoring.mark_days(
                    transaction, settings.model, str(first), str(last), [] if clear else marks
                )
                decision = {"first": str(first), "last": str(last), "before": [one.day for one in before]}
                kind = "unmark" if clear else "mark"
                row = monitoring.DecisionRow(0, kind, now, who, why, decision)
                monitoring.add_decision(transaction, settings.model, row)
        finally:
            engine.dispose()
        if clear:
            click.echo(f"{len(before)} marked days from {first} to {last} count again.")
        else:
            click.echo(
                printable(
                    f"Marked by {who}: {first} to {last}, {len(marks)} days. Verdict and training leave them out."
                )
            )
        again = f"kedro monitor run --window last_28d{same_choice(env, params)}"
        click.echo(f"Next: `{again}` decides {'with' if clear else 'without'} them.")


def read_days(given: str, today: str) -> tuple[date, date]:
    """Return the first and the last day that are given as FIRST or FIRST..LAST.

    Args:
        given: For instance 2026-11-20..2026-11-23.
        today: In New York; later days cannot be marked.

    Raises:
        click.ClickException: It is neither, or not in the calendar, ends before it begins, or lies in the future.
    """
    match = _DAYS.fullmatch(given.strip())
    if match is None:
        raise click.ClickException(f"'{given}' is not a day; write 2026-11-26, or 2026-11-20..2026-11-23")
    try:
        first, last = date.fromisoformat(match[1]), date.fromisoformat(match[2] or match[1])
    except ValueError:
        raise click.ClickException(f"'{given}' names a day that is not in the calendar") from None
    if last < first:
        raise click.ClickException(f"'{given}' ends before it begins")
    if str(last) > today:
        raise click.ClickException(f"{last} has not begun (today is {today} in New York); mark days of the past")
    return first, last
