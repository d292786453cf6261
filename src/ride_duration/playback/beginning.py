"""The beginning of a simulation: its first day, an empty store, and a clock that shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from ride_duration.clock import ClockKind, start_clock
from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.model_package.files import MANIFEST
from ride_duration.playback.plan import PlaybackPlan, write_plan
from ride_duration.registry.reader import RegistryReader
from ride_duration.store.database import explain_failures, migrate, open_writing_engine
from ride_duration.store.queries.contents import clear_simulated, count_log
from ride_duration.store.writer.instances import take_folder
from ride_duration.store.writer.segment import list_segments
from ride_duration.struct_settings import convert_settings
from ride_duration.trips.clock import find_midnight
from ride_duration.trips.months import parse_months

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings


class PlaybackSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Parameters of `conf/base/parameters_playback.yml`.

    Attributes:
        step_minutes: Minutes of the simulated clock between two requests.
        unreported: Share of the rides that are never reported.
    """

    step_minutes: Annotated[float, Meta(ge=1, le=60)]
    unreported: Annotated[float, Meta(ge=0, lt=1)]


def check_playback(given: Any) -> PlaybackSettings:
    """Return the parameters.

    Raises:
        ConfigurationError: A value cannot be used; names it.
    """
    return convert_settings(given, PlaybackSettings, "playback", "nothing can be played")


def find_start(settings: ServiceSettings, given: str | None) -> str:
    """Return the first day: the one that is given, or the first that the champion knows nothing of.

    Raises:
        ConfigurationError: It is not a day.
        RegistryUnavailable: There is no registry, or it cannot be reached.
        RideDurationError: There is no champion.
    """
    reader = RegistryReader(settings.project_path, settings.tracking, settings.model)
    champion = reader.champion()
    if champion is None:
        raise RideDurationError("there is no champion yet that could answer; `kedro run` releases one")
    if given is not None:
        return _check_day(given)
    manifest = json.loads((reader.released(champion).folder / MANIFEST).read_bytes())
    known = [
        month
        for name in ("train_data", "val_data", "test_data")
        for text in manifest.get(name) or ()
        for month in parse_months(text)
    ]
    if not known:
        raise ConfigurationError(f"version {champion} does not say which months it knows; give --start DAY")
    year, month = map(int, max(known).split("-"))
    return f"{year + month // 12}-{month % 12 + 1:02d}-01"


def _check_day(text: str) -> str:
    try:
        if not re.fullmatch(r"(19[789]|20\d)\d-\d\d-\d\d", text):
            raise ValueError(text)
        find_midnight(text)
    except ValueError:
        raise ConfigurationError(f"--start: '{text}' is not a day; write it as 2021-03-01") from None
    return text


def begin(plan: PlaybackPlan, settings: ServiceSettings, file: Path, *, fresh: bool) -> None:
    """Begin a simulation on an empty store; the plan is written last, so that a kill leaves none of it or all.

    Args:
        plan: What is to be played.
        settings: Of its service.
        file: Where the plan is kept.
        fresh: Remove what an earlier one has left.

    Raises:
        ConfigurationError: The store is not on a simulated clock.
        RideDurationError: It has rows of another simulation and `fresh` is not given, a service uses it, or it cannot
            be reached.
    """
    engine = open_writing_engine(settings.store_url)
    shown = engine.url.render_as_string()
    own, lock = take_folder(settings.folder_path, settings.name, settings.store_url)
    try:
        with explain_failures(f"the store {shown} cannot be written"):
            migrate(engine, ClockKind.SIMULATED)
            if fresh:
                file.unlink(missing_ok=True)
                for segment in list_segments(own):
                    segment.unlink()
                clear_simulated(engine)
            elif any(count_log(engine)) or list_segments(own):
                raise RideDurationError(
                    f"the store {shown} has answers of a simulation whose plan {file} is gone; --fresh removes them"
                )
    finally:
        lock.release()
        engine.dispose()
    start_clock(settings.project_path / settings.clock, plan.begins_at)
    write_plan(file, plan)
