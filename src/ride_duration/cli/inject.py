"""`kedro monitor inject`: a fault is put into a copy of the log, to rehearse what the monitoring would say."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, join_params, load_context, read_values
from ride_duration.cli.errors import report_errors
from ride_duration.cli.models import examples
from ride_duration.cli.service import service_settings
from ride_duration.cli.tables import printable
from ride_duration.errors import ConfigurationError, DecisionRefused, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from sqlalchemy import URL, Connection

    from ride_duration.model_package import ModelPackage
    from ride_duration.pipelines.ingestion.parameters import Simulation
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.trips.simulation import Scenario

#: What is copied: what the service logged, and what people decided about days. The monitoring computes the rest again.
_TABLES = ("predictions", "actuals", "monitoring_decisions", "incident_days")

#: Environment in which a copy is looked at: its reports and alerts stay by themselves.
_ENVIRONMENT = "simulated"

#: Days that a verdict looks at, for which scenarios are configured.
_WINDOW = 28


@click.command(
    epilog=examples(
        "inject --fault speed_limit --to data/rehearsal.db",
        "inject --fault broken_meter --to data/meters.db --start 2021-03-20 --end 2021-03-24 --strength 0.5",
        group="monitor",
    )
)
@click.option("--fault", required=True, help="One of simulation.scenarios, for instance speed_limit.")
@click.option("--to", "target", required=True, help="Store that is made: a file of SQLite, or a URL.")
@click.option("--start", help="First day of it; default: as configured, in the last 28 logged days that are over.")
@click.option("--end", help="First day after it; default: as configured.")
@click.option("--strength", type=click.FloatRange(0, min_open=True), help="How much; default: as configured.")
@chosen
def inject(
    fault: str, target: str, start: str | None, end: str | None, strength: float | None, env: str | None,
    params: dict[str, Any], traceback: bool,
) -> None:  # fmt: skip
    """Copy the log, and do to the copy what a scenario of the simulated city does; the log itself stays as it is.

    The copy is marked as simulated, with a clock beside it that stands still, so that no service takes it for its log.
    """
    with report_errors(traceback):
        settings, context = service_settings(env, params, {}), load_context(env, params)
        from ride_duration.store.database import locate_store, open_reading_engine
        from ride_duration.store.monitoring import describe_failures

        url = locate_store(target if "://" in target else f"sqlite:///{target}", settings.project_path)
        reading = open_reading_engine(settings.store_url, settings.clock_kind)
        try:
            from ride_duration.playback.injection import find_logged_days

            with describe_failures(reading), reading.connect() as connection:
                logged = find_logged_days(connection, settings.model)
        finally:
            reading.dispose()
        yesterday = _find_yesterday(settings)
        if logged is None or logged[0] > yesterday:
            raise NotFound(
                f"the service logged no predictions of {settings.model} on a day that is over; there is nothing to "
                "rehearse on"
            )
        known = (logged[0], min(logged[1], yesterday))
        values = read_values(context)
        simulation = _read_simulation(values["simulation"])
        scenario = _place(simulation, fault, known, start, end, strength)
        _refuse_existing(url)
        done = _make_copy(settings, url, scenario, simulation.seed, context.catalog.load("registered_packages"))
        clock = _locate_clock(url, settings)
        until = "on" if scenario.end is None else f"to the day before {scenario.end}"
        click.echo(
            f"{fault} (strength {scenario.strength:g}) from {scenario.first} {until} is in the copy "
            f"{printable(target)}: {done.days} days, {done.changed:,} rows changed, "
            f"{done.added:,} added, {done.removed:,} removed."
        )
        choice = {name: values[name] for name in ("source", "taxi_type")}
        given = join_params(choice | {"serving": {"store": url, "clock": str(clock)}})
        window = f"last_{_WINDOW}d" if known[1] == yesterday else f"{_find_first(known[1])}..{known[1]}"
        click.echo(f"Next: `kedro monitor run --env {_ENVIRONMENT} --window {window} --params={given}`")


def _read_simulation(given: Any) -> Simulation:
    """Return the checked parameters of the simulated city.

    Raises:
        ConfigurationError: They cannot be used.
    """
    from pydantic import ValidationError

    from ride_duration.pipelines.ingestion.parameters import Simulation

    try:
        return Simulation.model_validate(given)
    except ValidationError as error:
        said = (problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise ConfigurationError("\n  ".join(f"simulation: {one}" for one in said)) from error


def _find_yesterday(settings: ServiceSettings) -> str:
    """Return the last New York day that is over on the store's clock."""
    import numpy as np

    from ride_duration.trips.clock import find_day

    return str(np.datetime64(find_day(settings.open_clock().now())) - 1)


def _find_first(last: str) -> str:
    import numpy as np

    return str(np.datetime64(last) - (_WINDOW - 1))


def _place(
    simulation: Simulation,
    fault: str,
    known: tuple[str, str],
    start: str | None,
    end: str | None,
    strength: float | None,
) -> Scenario:
    """Return the scenario: as it is configured, from the first of the last 28 logged days, but for what is given.

    Raises:
        NotFound: None is configured under this name.
        ConfigurationError: A day is none, nothing was logged on the days, or a share is above 1.
    """
    import dataclasses

    import numpy as np

    from ride_duration.trips.simulation import Kind

    configured = simulation.place_scenario(fault, np.datetime64(_find_first(known[1])))
    first = _read_day("--start", start) if start else max(configured.first, np.datetime64(known[0]))
    until = _read_day("--end", end) if end else configured.end
    if until is not None and until <= first:
        raise ConfigurationError(f"--end: {until} is not after the first day, {first}")
    if first > np.datetime64(known[1]) or (until is not None and until <= np.datetime64(known[0])):
        raise ConfigurationError(
            f"no rides are logged on these days; the days of the log that are over are {known[0]} to {known[1]}: name "
            "some of them with --start and --end"
        )
    share = configured.kind in (Kind.NEW_ZONE, Kind.DOUBLED_RECORDS, Kind.SILENT_SOURCE)
    if share and strength is not None and strength > 1:
        raise ConfigurationError(f"--strength: {strength:g} is above 1, and that of {fault} is a share")
    return dataclasses.replace(
        configured, first=first, end=until, strength=configured.strength if strength is None else strength
    )


def _read_day(option: str, text: str) -> np.datetime64:
    import re

    import numpy as np

    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError(text)
        return np.datetime64(text, "D")
    except ValueError:
        raise ConfigurationError(f"{option}: '{text}' is not a day; write it as 2021-03-01") from None


def _refuse_existing(url: str) -> None:
    """Refuse a file that is there already; a database on a server is refused where it has rows.

    Raises:
        DecisionRefused: It is.
    """
    from sqlalchemy import make_url

    target = make_url(url)
    if target.get_backend_name() == "sqlite" and Path(target.database or "").exists():
        raise DecisionRefused(f"{target.render_as_string()} is there already; name a store that is not")


def _make_copy(
    settings: ServiceSettings,
    url: str,
    scenario: Scenario,
    seed: int,
    packages: dict[int, Callable[[], ModelPackage]],
) -> Any:
    """Copy the log, change the copy, and set its clock; what is interrupted, by `kill -9` too, leaves no copy."""
    from sqlalchemy import make_url

    from ride_duration.clock import ClockKind, start_clock
    from ride_duration.playback.injection import Injected, inject_fault
    from ride_duration.store.backup import copy_store

    @cache
    def open_package(version: int) -> ModelPackage | None:
        return packages[version]() if version in packages else None

    done = Injected()

    def change(connection: Connection) -> None:
        nonlocal done
        done = inject_fault(connection, settings.model, scenario, seed, open_package, _report_day)
        start_clock(_locate_clock(url, settings), settings.open_clock().now())

    with _place_whole(make_url(url)) as place:
        copy_store(
            settings.store_url, place, settings.clock_kind, _report_rows, only=_TABLES, mark=ClockKind.SIMULATED,
            then=change,
        )  # fmt: skip
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    return done


@contextmanager
def _place_whole(target: URL) -> Iterator[str]:
    """Yield the URL that a copy is written to: a file of SQLite gets its name when it is whole."""
    if target.get_backend_name() != "sqlite":
        yield target.render_as_string(hide_password=False)
        return
    partial = Path(f"{target.database}.partial")
    files = [Path(f"{partial}{suffix}") for suffix in ("", "-wal", "-shm")]
    try:
        for left in files:  # by a run that was killed
            left.unlink(missing_ok=True)
        yield target.set(database=str(partial)).render_as_string()
        partial.rename(str(target.database))
    finally:
        for left in files:
            left.unlink(missing_ok=True)


def _locate_clock(url: str, settings: ServiceSettings) -> Path:
    """Return the file of a copy's clock: beside its file, or in the project where it is on a server."""
    from sqlalchemy import make_url

    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return Path(f"{target.database}.clock")
    return settings.project_path / "data/simulated" / f"{target.database}.clock"


def _report_rows(table: str, rows: int) -> None:
    _report(f"copying {table}: {rows:,} rows")


def _report_day(day: str) -> None:
    _report(f"changing {day}")


def _report(text: str) -> None:
    """Show progress on a terminal, on one line."""
    if sys.stderr.isatty():
        click.echo(f"\r{text}\033[K", nl=False, err=True)
