"""`kedro service simulate`: play days of the synthetic city to a service on a clock of its own."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, load_context, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.service import service_settings, write_settings
from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.trips.clock import NEW_YORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ride_duration.playback.plan import PlaybackPlan
    from ride_duration.playback.player import Progress
    from ride_duration.serving.settings import ServiceSettings

_ENVIRONMENT = "simulated"

_EXAMPLES = """\b
Examples:
  kedro service simulate --days 28 --scenario speed_limit --label-delay 24h
  kedro service simulate --days 56 --continue
  kedro service simulate --days 7 --rides-per-day 500 --start 2021-06-01 --fresh
"""

#: Options that say what is played, by the field of the plan that they fill; `--continue` may change the days alone.
_CHOICES = {
    "scenario": "--scenario",
    "label_delay": "--label-delay",
    "rides_per_day": "--rides-per-day",
    "seed": "--seed",
    "start": "--start",
}


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
@chosen
def simulate(
    days: int | None, goes_on: bool, fresh: bool, env: str | None, params: dict[str, Any], traceback: bool, **given: Any
) -> None:
    """Play days of the synthetic city: rides in the order of their pick-ups, and later what really happened.

    They go to a service of its own with the champion, whose clock is driven, so that a month takes about a minute. All
    of it lies in a store of its own (conf/simulated), which is marked as simulated; your own log is not touched.
    """
    with report_errors(traceback):
        if goes_on and fresh:
            raise ConfigurationError("--continue goes on and --fresh begins again; give one of them")
        env = env or _ENVIRONMENT
        settings = _make_settings(env, params)
        folder = (settings.project_path / settings.clock).parent
        with _be_alone(folder):
            plan = _choose_plan(folder, settings, env, params, days, given, goes_on=goes_on, fresh=fresh)
            _play(plan, settings, folder, env, params)


def _make_settings(env: str, params: dict[str, Any]) -> ServiceSettings:
    from ride_duration.playback.service_process import find_free_port

    own = {"host": "127.0.0.1", "port": find_free_port(), "require_keys": False}
    settings = service_settings(env, params, own)
    if not settings.clock:
        raise ConfigurationError(
            f"the environment {env} has no simulated clock: serving.clock names none; leave --env away, or name a file "
            "there and a store of its own in serving.store"
        )
    return settings


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


def _choose_plan(
    folder: Path,
    settings: ServiceSettings,
    env: str,
    params: dict[str, Any],
    days: int | None,
    given: dict[str, Any],
    *,
    goes_on: bool,
    fresh: bool,
) -> PlaybackPlan:
    """Return what is played now: what is there already, or a new plan on an empty store and a clock at its start."""
    import msgspec

    from ride_duration.playback.beginning import begin
    from ride_duration.playback.plan import read_plan, write_plan

    file, same = folder / "simulation.json", _same(env, params)
    present = None if fresh else read_plan(file)
    if present is None:
        if goes_on:
            raise RideDurationError(f"nothing was played yet in {folder}; leave --continue away")
        plan = _make_plan(settings, env, params, days or 28, given)
        begin(plan, settings, file, fresh=fresh)
        return plan
    shown = settings.open_clock().now()
    if not goes_on:
        is_done = shown >= present.ends_at
        state = "is played already" if is_done else f"was interrupted at {_describe(shown)}"
        more = f"--continue --days {2 * present.days} plays on" if is_done else "--continue goes on"
        raise RideDurationError(f"{_describe_plan(present)} {state}; {more}, --fresh begins again{same}")
    _check_unchanged(present, given)
    plan = present if days is None else msgspec.structs.replace(present, days=days)
    if shown >= plan.ends_at:
        raise RideDurationError(
            f"{_describe_plan(present)} is played already, up to {_describe(shown)}; "
            f"--continue --days {2 * present.days} plays on, --fresh begins again"
        )
    write_plan(file, plan)
    return plan


def _check_unchanged(present: PlaybackPlan, given: dict[str, Any]) -> None:
    from ride_duration.playback.plan import parse_delay

    wanted = {name: value for name, value in given.items() if value is not None}
    if "label_delay" in wanted:
        wanted["label_delay"] = parse_delay(wanted["label_delay"])
    for name, value in wanted.items():
        if value != (played := getattr(present, name)):
            raise ConfigurationError(
                f"what was played has {_CHOICES[name]} {played}; leave the option away to go on with it, or begin "
                "again with --fresh"
            )


def _make_plan(
    settings: ServiceSettings, env: str, params: dict[str, Any], days: int, given: dict[str, Any]
) -> PlaybackPlan:
    """Return a new plan.

    Raises:
        RideDurationError: An option or a parameter cannot be used, or there is no champion to play it to.
    """
    import numpy as np
    from pydantic import ValidationError

    from ride_duration.pipelines.ingestion.parameters import Simulation
    from ride_duration.playback.beginning import check_playback, find_start
    from ride_duration.playback.plan import QUIET, Days, PlaybackPlan, Trouble, parse_delay

    parameters = load_context(env, params).config_loader["parameters"]
    try:
        simulation = Simulation.model_validate(parameters["simulation"])
    except ValidationError as error:
        said = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError("\n  ".join(f"simulation.{one}" for one in said)) from error
    playback = check_playback(parameters["playback"])
    name = given["scenario"] or QUIET
    trouble = None
    if name != QUIET:
        simulation.place_scenario(name, np.datetime64("2021-01-01"))  # says which there are
        chosen_scenario = simulation.scenarios[name]  # type: ignore[index]
        trouble = Trouble(chosen_scenario.start, chosen_scenario.end, chosen_scenario.strength)
    return PlaybackPlan(
        start=find_start(settings, given["start"]),
        days=days,
        scenario=name,
        trouble=trouble,
        effects=Days(simulation.day_spread, simulation.day_correlation, simulation.month_spread),
        seed=simulation.seed if given["seed"] is None else given["seed"],
        rides_per_day=given["rides_per_day"],
        label_delay=parse_delay(given["label_delay"] or "24h"),
        unreported=playback.unreported,
        step=60.0 * playback.step_minutes,
    )


def _play(plan: PlaybackPlan, settings: ServiceSettings, folder: Path, env: str, params: dict[str, Any]) -> None:
    from ride_duration.clock import SimulatedClock
    from ride_duration.playback.player import Sent, play
    from ride_duration.playback.service_process import ServiceProcess
    from ride_duration.store.database import engine_for_reading
    from ride_duration.store.queries.contents import count_log, find_rides_since

    clock = SimulatedClock(settings.project_path / settings.clock)
    file = settings.own_folder / "settings.json"
    write_settings(file, settings)
    click.echo(f"Playing {_describe_plan(plan)}; its clock shows {_describe(clock.now())}.")
    report, same = _Reporter(), same_choice(env if env != _ENVIRONMENT else None, params)
    engine = None
    try:
        with ServiceProcess(settings, file, folder / "service.log") as process:
            process.wait_for_log()  # what a kill left in the journal
            engine = engine_for_reading(settings.store_url, clock.kind)

            def find_sent(at: float) -> Sent:
                return Sent(*find_rides_since(engine, at))

            play(plan, clock, process, find_sent, report)
        counts = count_log(engine)
    except KeyboardInterrupt:
        raise click.ClickException(
            f"interrupted at {_describe(clock.now())}; everything up to there is kept. "
            f"`kedro service simulate --continue{same}` goes on"
        ) from None
    finally:
        if engine is not None:
            engine.dispose()
    click.echo(
        f"Played {_describe_plan(plan)}: {counts.answers:,} answers, {counts.reported_rides:,} rides reported, "
        f"in {report.seconds:.0f} s. The clock shows {_describe(clock.now())}."
    )
    click.echo(f"Next: `kedro monitor run --window last_{plan.days}d --env {env}` says whether the model is right.")


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
            click.echo(f"  {_describe(progress.at)}  rollout of {said}")
            self._rollout = state
        if progress.days % 7 == 0:
            click.echo(
                f"  {_describe(progress.at)}  {progress.rides:,} rides, {progress.reports:,} reports "
                f"({self.seconds:.0f} s)"
            )
            sys.stdout.flush()


def _describe_plan(plan: PlaybackPlan) -> str:
    days = f"{plan.days} day{'s' if plan.days > 1 else ''} from {plan.start} to {plan.last_day}"
    return f"{days} (simulated, scenario {plan.scenario})"


def _describe(at: float) -> str:
    return f"{datetime.fromtimestamp(at, NEW_YORK):%Y-%m-%d %H:%M}"


def _same(env: str, params: dict[str, Any]) -> str:
    options = same_choice(env if env != _ENVIRONMENT else None, params)
    return f" (with{options})" if options else ""
