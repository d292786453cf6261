"""Where raw months come from."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ride_duration.datasets.month_files import MadeFile, MonthSource, RemoteFile
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.ingestion.parameters import Simulation
from ride_duration.pipelines.parameters import RawMonths
from ride_duration.trips.simulation import CommonEffects, default_city, simulate_month


def source_months(raw_months: RawMonths, simulation: Simulation) -> dict[str, MonthSource]:
    """Say, for each month asked for, how to make it: by simulation, or from an address.

    Returns:
        By file stem, for instance `green_tripdata_2021-01`.
    """
    return {
        raw_months.layout.file_stem(month): _source_of(month, raw_months, simulation) for month in raw_months.months
    }


def _source_of(month: str, raw_months: RawMonths, simulation: Simulation) -> MonthSource:
    pattern = raw_months.sources[raw_months.source]
    if pattern:
        try:
            return RemoteFile(pattern.format(taxi_type=raw_months.taxi_type, service=raw_months.taxi_type, month=month))
        except (KeyError, IndexError, ValueError) as error:
            raise RideDurationError(
                f"sources.{raw_months.source} is '{pattern}'; its blanks may be {{taxi_type}} and {{month}} only"
            ) from error
    make = partial(simulate_month, month, default_city(), simulation.seed, simulation.effects)
    former = f"simulated with seed {simulation.seed}"
    return MadeFile(make, former + _describe(simulation.effects), former)


def _describe(effects: CommonEffects) -> str:
    """What is said of days and months that differ: nothing where they do not, as former programs made them."""
    days = f", days of spread {effects.day_spread:g} (correlation {effects.day_correlation:g})"
    months = f", months of spread {effects.month_spread:g}"
    return (days if effects.day_spread else "") + (months if effects.month_spread else "")


def fingerprint_months(raw_files: dict[str, Callable[[], dict[str, Any]]], raw_months: RawMonths) -> dict[str, Any]:
    """Note name, sha256, bytes and rows of each raw month that the run reads.

    Returns:
        Fingerprints by file stem.

    Raises:
        RideDurationError: A month is missing, or two months are one and the same file.
    """
    stems = [raw_months.layout.file_stem(month) for month in raw_months.months]
    missing = [stem for stem in stems if stem not in raw_files]
    if missing:
        raise RideDurationError(f"{missing[0]}.parquet is not there; run `kedro run` from the ingestion pipeline on")
    fingerprints = {stem: raw_files[stem]() for stem in stems}
    _refuse_copies(fingerprints)
    return fingerprints


def _refuse_copies(fingerprints: dict[str, dict[str, Any]]) -> None:
    first: dict[str, str] = {}
    for entry in fingerprints.values():
        other = first.setdefault(entry["sha256"], entry["file"])
        if other != entry["file"]:
            raise RideDurationError(
                f"{other} and {entry['file']} hold the same bytes, so that one of them is not the month that its name "
                "says; delete that one and run again to get it again, or leave its month out"
            )
