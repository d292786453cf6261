"""What `kedro service simulate` plays: a new plan, or what is there already."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.cli.context import load_context, same_choice
from ride_duration.cli.service import service_settings
from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.trips.clock import NEW_YORK

if TYPE_CHECKING:
    from ride_duration.playback.plan import PlaybackPlan
    from ride_duration.serving.settings import ServiceSettings

ENVIRONMENT = "simulated"

#: Options that say what is played, by the field of the plan that they fill; `--continue` may change the days alone.
_CHOICES = {
    "scenario": "--scenario",
    "label_delay": "--label-delay",
    "rides_per_day": "--rides-per-day",
    "seed": "--seed",
    "start": "--start",
}


def make_settings(env: str, params: dict[str, Any]) -> ServiceSettings:
    """Return the settings of a service for this machine alone, on a simulated clock.

    Raises:
        ConfigurationError: The environment has none.
    """
    from ride_duration.playback.service_process import find_free_port

    own = {"host": "127.0.0.1", "port": find_free_port(), "require_keys": False}
    settings = service_settings(env, params, own)
    if not settings.clock:
        raise ConfigurationError(
            f"the environment {env} has no simulated clock: serving.clock names none; leave --env away, or name a file "
            "there and a store of its own in serving.store"
        )
    return settings


def choose_plan(
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
    """Return what is played now: what is there already, or a new plan on an empty store and a clock at its start.

    Args:
        folder: Of the clock; the plan is kept there.
        settings: Of the service.
        env: Of Kedro.
        params: As `--params` gives them.
        days: As the option gives them.
        given: The other options that say what is played; None where they are left away.
        goes_on: Whether `--continue` is given.
        fresh: Whether `--fresh` is given.

    Raises:
        RideDurationError: Something was played and neither is given, or an option cannot be used.
    """
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
        state = "is played already" if is_done else f"was interrupted at {describe_time(shown)}"
        more = f"--continue --days {2 * present.days} plays on" if is_done else "--continue goes on"
        raise RideDurationError(f"{describe_plan(present)} {state}; {more}, --fresh begins again{same}")
    _check_unchanged(present, given)
    plan = present if days is None else msgspec.structs.replace(present, days=days)
    if shown >= plan.ends_at:
        raise RideDurationError(
            f"{describe_plan(present)} is played already, up to {describe_time(shown)}; "
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


def describe_plan(plan: PlaybackPlan) -> str:
    """Return what is played, in words."""
    days = f"{plan.days} day{'s' if plan.days > 1 else ''} from {plan.start} to {plan.last_day}"
    return f"{days} (simulated, scenario {plan.scenario})"


def describe_time(at: float) -> str:
    """Return a time as New York's clocks show it."""
    return f"{datetime.fromtimestamp(at, NEW_YORK):%Y-%m-%d %H:%M}"


def _same(env: str, params: dict[str, Any]) -> str:
    options = same_choice(env if env != ENVIRONMENT else None, params)
    return f" (with{options})" if options else ""
