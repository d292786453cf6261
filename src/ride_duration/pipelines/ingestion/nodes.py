"""Where raw months come from."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import Field

from ride_duration.datasets.month_files import MadeFile, MonthSource, RemoteFile
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.parameters import Experiment, Parameters


class Simulation(Parameters):
    """How months are simulated.

    Attributes:
        seed: Of the synthetic city; the same seed gives the same files.
    """

    seed: int = Field(ge=0)


def source_months(experiment: Experiment, simulation: Simulation) -> dict[str, MonthSource]:
    """Say, for each month asked for, how to make it: by simulation, or from an address.

    Returns:
        By file stem, for instance `green_tripdata_2021-01`.
    """
    return {
        experiment.raw_service.file_stem(month): _source_of(month, experiment, simulation)
        for month in experiment.months
    }


def _source_of(month: str, experiment: Experiment, simulation: Simulation) -> MonthSource:
    pattern = experiment.sources[experiment.source]
    if pattern:
        try:
            return RemoteFile(pattern.format(service=experiment.service, month=month))
        except (KeyError, IndexError, ValueError) as error:
            raise RideDurationError(
                f"sources.{experiment.source} is '{pattern}'; its blanks may be {{service}} and {{month}} only"
            ) from error
    from ride_duration.trips.simulation import default_city, simulate_month

    make = partial(simulate_month, month, default_city(), simulation.seed)
    return MadeFile(make, f"simulated with seed {simulation.seed}")


def fingerprint_months(raw_files: dict[str, Callable[[], dict[str, Any]]], experiment: Experiment) -> dict[str, Any]:
    """Note name, sha256, bytes and rows of each raw month that the run reads.

    Returns:
        Fingerprints by file stem.

    Raises:
        RideDurationError: A month is missing.
    """
    stems = [experiment.raw_service.file_stem(month) for month in experiment.months]
    missing = [stem for stem in stems if stem not in raw_files]
    if missing:
        raise RideDurationError(f"{missing[0]}.parquet is not there; run `kedro run` from the ingestion pipeline on")
    return {stem: raw_files[stem]() for stem in stems}
