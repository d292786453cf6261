"""`kedro monitor level`: compute the live level in a process of its own, beside or in place of the services."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.service import service_settings
from ride_duration.cli.tables import local_time
from ride_duration.errors import NotFound, RideDurationError

if TYPE_CHECKING:
    from ride_duration.live_level import LevelPublisher
    from ride_duration.serving.control.reconciler import Challenge, Reconciler
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store.levels import LevelRow
    from ride_duration.store.rollouts import Rollouts

_EXAMPLES = """\b
Examples:
  kedro monitor level --once
  kedro monitor level --env production
"""


@click.command(epilog=_EXAMPLES)
@click.option("--once", is_flag=True, help="Publish what is due, and end.")
@chosen
def level(once: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Compute the live level from the log, and publish it for every instance of the service.

    Services with `serving.level: live` do this themselves; one process at a time computes, and another one takes over
    within about a minute. The first one to start computes. Without --once it goes on until Ctrl-C.
    """
    with report_errors(traceback):
        settings = service_settings(env, params, {"level": "live"})
        reconciler, rollouts = _open_models(settings)
        publisher = _open_publisher(settings)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while True:
                _look(reconciler, publisher, once=once)
                if once:
                    break
                time.sleep(settings.level_seconds)
        except KeyboardInterrupt:
            click.echo("Stopped; another process may take over at once.", err=True)
        finally:
            publisher.close()
            rollouts.close()
        if once:
            click.echo(f"Next: `kedro monitor level{same_choice(env, params)}` goes on with it.", err=True)


def _look(reconciler: Reconciler, publisher: LevelPublisher, *, once: bool) -> None:
    """Publish what is due; without `once`, what fails is said, and tried again."""
    try:
        deployment = reconciler.reconcile()
        if deployment is None:
            raise NotFound(f"there is no model to compute a level for: {reconciler.problem}")
        published = publisher.publish([(model.version, model.package) for _, model, _ in deployment.variants])
    except RideDurationError as error:
        if once:
            raise
        click.echo(f"{error}; it is tried again", err=True)
        return
    for row in published or ():
        click.echo(_describe(row))
    if once and published is None:
        click.echo("Another process computes the live level; nothing was done.")
    elif once and not published:
        click.echo("The levels of this quarter of an hour are published already; nothing was done.")


def _describe(row: LevelRow) -> str:
    at = local_time(datetime.fromtimestamp(row.published_at, UTC))
    frozen = ", frozen" if row.frozen else ""
    return f"{at}  version {row.version}: level {row.factor:.4f}{frozen}, {row.rides:,} rides became known"


def _open_publisher(settings: ServiceSettings) -> LevelPublisher:
    from ride_duration.live_level import LevelPublisher, parse_level

    rules = parse_level(settings.level_rules)
    clock = settings.open_clock()
    return LevelPublisher(
        settings.store_url, settings.model, clock, rules, settings.label_delay_hours, "kedro monitor level"
    )


def _open_models(settings: ServiceSettings) -> tuple[Reconciler, Rollouts]:
    """Return what loads the champion and the challenger, as a service does."""
    from ride_duration.registry.reader import RegistryReader
    from ride_duration.serving.control.package_cache import PackageCache
    from ride_duration.serving.control.reconciler import Challenge, Reconciler
    from ride_duration.store.rollouts import Rollouts

    rollouts = Rollouts(settings.store_url, settings.model, settings.clock_kind)

    def find_challenger() -> Challenge | None:
        try:
            last = rollouts.last()
        except NotFound:  # there is no log yet
            return None
        return None if last is None or last.ended_at is not None else Challenge(last.version, last.share)

    reader = RegistryReader(settings.project_path, settings.tracking, settings.model, settings.release_command)
    cache = PackageCache(settings.folder_path / "live_level" / "packages" / settings.model)
    return Reconciler(reader, cache, find_challenger), rollouts
