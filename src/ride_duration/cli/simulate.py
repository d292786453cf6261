"""`kedro service simulate`: play days of the synthetic city to a service on a clock of its own."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, join_params, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.played_plan import ENVIRONMENT, choose_plan, describe_plan, describe_time, make_settings
from ride_duration.cli.run import run as run_pipelines
from ride_duration.cli.service import write_settings
from ride_duration.errors import ConfigurationError, RideDurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ride_duration.playback.plan import PlaybackPlan
    from ride_duration.playback.player import Progress
    from ride_duration.serving.settings import ServiceSettings

_EXAMPLES = """\b
Examples:
  kedro service simulate --days 28 --scenario speed_limit --label-delay 24h
  kedro service simulate --days 56 --continue
  kedro service simulate --days 7 --rides-per-day 500 --start 2021-06-01 --fresh
"""


@click.command(epilog=_EXAMPLES)
@click.option("--days", type=click.IntRange(1, 400), help="Days that are played, and reported; default: 28.")
@click.option("--scenario", help="One of simulation.scenarios, for instance speed_limit; default: none.")
@click.option("--label-delay", help="From a drop-off to the report of the actual duration; default: 24h.")
@click.option(
    "--rides-per-day", type=click.IntRange(1, 100_000), help="About so many; default: as many as the city has."
)
@click.option("--seed", type=click.IntRange(0), help="Of the city; default: simulation.seed.")
@click.option("--start", help="First day, for instance 2021-03-01; default: after the champion's months.")
@click.option("--continue", "goes_on", is_flag=True, help="Go on with what was interrupted, or with more --days.")
@click.option("--fresh", is_flag=True, help="Remove what was played before, and begin again.")
@click.option(
    "--monitor/--no-monitor", default=True, help="Ask the monitoring about these days at the end; default: yes."
)
@chosen
def simulate(
    days: int | None,
    goes_on: bool,
    fresh: bool,
    monitor: bool,
    env: str | None,
    params: dict[str, Any],
    traceback: bool,
    **given: Any,
) -> None:
    """Play days of the synthetic city: rides in the order of their pick-ups, and later what really happened.

    They go to a service of its own with the champion, whose clock is driven, so that a month takes about a minute. All
    of it lies in a store of its own (conf/simulated), which is marked as simulated; your own log is not touched. It
    ends with what the monitoring says about these days.
    """
    with report_errors(traceback):
        if goes_on and fresh:
            raise ConfigurationError("--continue goes on and --fresh begins again; give one of them")
        env = env or ENVIRONMENT
        settings = make_settings(env, params)
        folder = (settings.project_path / settings.clock).parent
        with _be_alone(folder):
            plan = choose_plan(folder, settings, env, params, days, given, goes_on=goes_on, fresh=fresh)
            _play(plan, settings, folder, env, params)
            if monitor:
                _monitor(plan, env, params, traceback)
            else:
                click.echo(f"Next: `kedro monitor run --window last_{plan.days}d{same_choice(env, params)}`.")


def _monitor(plan: PlaybackPlan, env: str, params: dict[str, Any], traceback: bool) -> None:
    window = f"last_{plan.days}d"
    given = join_params({**params, "window": window, "official_window": window})
    options = ["--pipelines=monitoring", "--env", env, f"--params={given}", *(["--traceback"] if traceback else [])]
    run_pipelines.main(options, prog_name="run", standalone_mode=False)


@contextmanager
def _be_alone(folder: Path) -> Iterator[None]:
    """Let one simulation at a time move the clock."""
    import filelock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".simulate.lock").acquire(timeout=0)
    except filelock.Timeout:
        raise RideDurationError(f"another simulation is played in {folder}; wait for it, or end it") from None
    with lock:
        yield


def _play(plan: PlaybackPlan, settings: ServiceSettings, folder: Path, env: str, params: dict[str, Any]) -> None:
    from ride_duration.clock import SimulatedClock
    from ride_duration.playback.player import Sent, play
    from ride_duration.playback.service_process import ServiceProcess
    from ride_duration.store.database import open_reading_engine
    from ride_duration.store.queries.contents import count_log, find_rides_since

    clock = SimulatedClock(settings.project_path / settings.clock)
    file = settings.own_folder / "settings.json"
    write_settings(file, settings)
    click.echo(f"Playing {describe_plan(plan)}; its clock shows {describe_time(clock.now())}.")
    report, same = _Reporter(), same_choice(env if env != ENVIRONMENT else None, params)
    engine = None
    try:
        with ServiceProcess(settings, file, folder / "service.log") as process:
            process.wait_for_log()  # what a kill left in the journal
            engine = open_reading_engine(settings.store_url, clock.kind)

            def find_sent(at: float) -> Sent:
                return Sent(*find_rides_since(engine, at))

            play(plan, clock, process, find_sent, report)
        counts = count_log(engine)
    except KeyboardInterrupt:
        raise click.ClickException(
            f"interrupted at {describe_time(clock.now())}; everything up to there is kept. "
            f"`kedro service simulate --continue{same}` goes on"
        ) from None
    finally:
        if engine is not None:
            engine.dispose()
    click.echo(
        f"Played {describe_plan(plan)}: {counts.answers:,} answers, {counts.reported_rides:,} rides reported, "
        f"in {report.seconds:.0f} s. The clock shows {describe_time(clock.now())}."
    )


class _Reporter:
    """Says how far it is: once for each simulated week, and whenever a rollout makes a step."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._rollout: tuple[Any, ...] | None = None

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def __call__(self, progress: Progress) -> None:
        rollout = progress.rollout
        state = (rollout["version"], rollout["status"], rollout["stage"]) if rollout else None
        if state != self._rollout:
            said = f"version {state[0]}: {state[1]}, {state[2]}" if state else "it has ended"
            click.echo(f"  {describe_time(progress.at)}  rollout of {said}")
            self._rollout = state
        if progress.days % 7 == 0:
            click.echo(
                f"  {describe_time(progress.at)}  {progress.rides:,} rides, {progress.reports:,} reports "
                f"({self.seconds:.0f} s)"
            )
            sys.stdout.flush()
