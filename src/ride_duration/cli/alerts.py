"""`kedro monitor alerts | acknowledge | silence`: what was found, who was notified, and what people decided."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.models import decided, examples, json_option
from ride_duration.cli.service import service_settings
from ride_duration.cli.tables import printable
from ride_duration.errors import NotFound
from ride_duration.provenance import author

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ride_duration.alerting.decisions import ListedAlert
    from ride_duration.serving.settings import ServiceSettings

_ACKNOWLEDGE = 'acknowledge retrain --by Ana --why "training on May"'
_SILENCE = 'silence incident --until 8h --by Ana --why "meters are being replaced"'


@click.command(epilog=examples("alerts", "alerts --all --json", "alerts --deliver", group="monitor"))
@click.option("--all", "include_resolved", is_flag=True, help="Those that are over, too.")
@click.option("--deliver", is_flag=True, help="Send first what is due; for cron. Ends with 3 if anything could not be.")
@json_option
@chosen
def alerts(
    include_resolved: bool, deliver: bool, as_json: bool, env: str | None, params: dict[str, Any], traceback: bool
) -> None:
    """List the alerts that are open or not delivered, and how far their notifications are.

    `kedro monitor run` raises alerts, and sends them; what could not be sent is sent again by the running service, by
    the next run, or by `--deliver`, until it is given up as undeliverable.
    """
    failed = 0
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        if deliver:
            failed = _deliver(settings)
        from ride_duration.alerting.decisions import list_alerts

        with _reading(settings) as engine:
            listed = list_alerts(engine, settings.open_clock().now(), include_resolved)
        if as_json:
            click.echo(json.dumps([_entry(one) for one in listed], indent=2))
        else:
            for one in listed:
                click.echo(printable(_describe(one), lines=True))
            _say_next(listed, same_choice(env, params))
    if failed:
        raise SystemExit(3)


@click.command(epilog=examples(_ACKNOWLEDGE, group="monitor"))
@click.argument("matcher", metavar="ALERT")
@decided("why")
def acknowledge(
    matcher: str, by: str | None, why: str, env: str | None, params: dict[str, Any], traceback: bool
) -> None:
    """Say that you take care of ALERT: a fingerprint, a name or a cause. It is not repeated as long as it is open."""
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        from ride_duration.alerting import decisions

        with _reading(settings) as engine:
            decisions.list_alerts(engine, 0.0)  # says it if there is no store
        with _writing(settings) as engine:
            now = settings.open_clock().now()
            found = decisions.acknowledge(engine, matcher, by or author(settings.project_path), why, now)
        for alert in found:
            click.echo(printable(f"Acknowledged: {alert.fingerprint} {alert.name} of {alert.subject}."))
        click.echo(f"Next: {printable(found[0].next_command)}")


@click.command(epilog=examples(_SILENCE, "silence mix --until 2026-12-24 --why holidays", group="monitor"))
@click.argument("matcher", metavar="ALERT")
@click.option(
    "--until", required=True, metavar="TIME", help="For instance 8h, 3d, 2026-12-24 or '2026-12-24 08:00' (UTC)."
)
@decided("why")
def silence(
    matcher: str, until: str, by: str | None, why: str, env: str | None, params: dict[str, Any], traceback: bool
) -> None:
    """Send nothing about ALERT, a fingerprint, a name or a cause, until TIME; what is still open then is sent then."""
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        from ride_duration.alerting import decisions
        from ride_duration.alerting.alert import format_time

        now = settings.open_clock().now()
        end = read_until(until, now)
        with _reading(settings) as engine:
            decisions.list_alerts(engine, now)
        with _writing(settings) as engine:
            decisions.silence(engine, matcher, end, by or author(settings.project_path), why, now)
        click.echo(f"Nothing is sent about {printable(matcher)} until {format_time(end)}.")
        click.echo(f"Next: `kedro monitor alerts{same_choice(env, params)}` lists what is open.")


def read_until(given: str, now: float) -> float:
    """Return a time to come, given as a duration (`30m`, `8h`, `3d`) or as a date in UTC.

    Raises:
        click.ClickException: It is neither.
    """
    if match := re.fullmatch(r"([0-9]{1,6})([mhd])", given.strip(), re.ASCII):
        unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
        return now + timedelta(**{unit: int(match[1])}).total_seconds()
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError:
        raise click.ClickException(
            f"--until: '{given}' is not a time; write 30m, 8h, 3d, 2026-12-24 or '2026-12-24 08:00' (UTC)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def describe_undeliverable(env: str | None, params: dict[str, Any]) -> str:
    """Return a sentence about alerts that were given up within the last week; empty if there are none, or no store.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    settings = service_settings(env, params, {})
    from ride_duration.alerting.decisions import list_alerts

    try:
        with _reading(settings) as engine:
            given_up = [one for one in list_alerts(engine, settings.open_clock().now()) if one.undeliverable]
    except NotFound:
        return ""
    channels = ", ".join(sorted({name for one in given_up for name in one.undeliverable}))
    if not given_up:
        return ""
    return (
        f"Undeliverable: {len(given_up)} of the alerts, to {printable(channels)}; `kedro monitor alerts"
        f"{same_choice(env, {})}` says why."
    )


def _deliver(settings: ServiceSettings) -> int:
    """Send what is due; return how many attempts failed."""
    from ride_duration.alerting.channels import make_channels
    from ride_duration.alerting.configuration import parse_alerting
    from ride_duration.alerting.delivery import deliver_due
    from ride_duration.alerting.outbox import Outbox

    with _reading(settings):
        pass  # says it if there is no store
    alerting = parse_alerting(settings.alerting)
    with _writing(settings) as engine:
        done = deliver_due(Outbox(engine, alerting), make_channels(alerting), settings.open_clock().now)
    given_up = f", gave up {done.undeliverable}" if done.undeliverable else ""
    click.echo(f"Sent {done.delivered}, could not send {done.failed}{given_up}.", err=True)
    return done.failed + done.undeliverable


@contextmanager
def _reading(settings: ServiceSettings) -> Iterator[Engine]:
    from ride_duration.store.database import open_reading_engine

    engine = open_reading_engine(settings.store_url, settings.open_clock().kind)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _writing(settings: ServiceSettings) -> Iterator[Engine]:
    from ride_duration.store.monitoring import open_monitoring

    engine = open_monitoring(settings.store_url, settings.open_clock().kind)
    try:
        yield engine
    finally:
        engine.dispose()


def _entry(one: ListedAlert) -> dict[str, Any]:
    """An alert in terms of JSON; times are UTC."""
    from ride_duration.alerting.alert import format_time

    alert = one.alert
    return {
        "fingerprint": alert.fingerprint, "name": alert.name, "subject": alert.subject, "severity": alert.severity,
        "cause": alert.cause, "what": alert.what, "since": format_time(alert.since), "how_bad": alert.how_bad,
        "evidence": alert.evidence, "next_command": alert.next_command, "raised_at": format_time(one.raised_at),
        "resolved_at": None if one.resolved_at is None else format_time(one.resolved_at),
        "acknowledged_by": one.acknowledged_by,
        "silenced_until": None if one.silenced_until is None else format_time(one.silenced_until),
        "delivered": list(one.delivered), "pending": one.pending, "undeliverable": one.undeliverable,
        "resolved_why": one.resolved_why,
    }  # fmt: skip


def _describe(one: ListedAlert) -> str:
    entry = _entry(one)
    state = f"resolved {entry['resolved_at']}" if entry["resolved_at"] else "open"
    if entry["resolved_why"]:
        state += f" ({entry['resolved_why']})"
    if entry["acknowledged_by"]:
        state += f", acknowledged by {entry['acknowledged_by']}"
    if entry["silenced_until"]:
        state += f", silenced until {entry['silenced_until']}"
    pending = (f"{name} pending{f' ({why})' if why else ''}" for name, why in entry["pending"].items())
    given_up = (f"{name} undeliverable ({why})" for name, why in entry["undeliverable"].items())
    sent = [*(f"{name} delivered" for name in entry["delivered"]), *pending, *given_up]
    lines = [
        f"{entry['fingerprint']}  {entry['severity']}  {entry['name']}  {entry['what']}",
        f"  {state}; raised {entry['raised_at']}, since {entry['since']}",
        f"  {entry['how_bad']}",
        f"  sent to: {', '.join(sent) or 'no one (no channel takes this severity)'}",
        f"  next: {entry['next_command']}",
    ]
    return "\n".join(lines)


def _say_next(listed: list[ListedAlert], same: str) -> None:
    is_open = [one for one in listed if one.resolved_at is None]
    if is_open:
        command = f"kedro monitor acknowledge {is_open[0].alert.fingerprint} --why TEXT{same}"
        click.echo(f"Next: `{command}` says that you take care of it.")
    else:
        click.echo(f"No alert is open.\nNext: `kedro monitor run{same}` looks again.")
