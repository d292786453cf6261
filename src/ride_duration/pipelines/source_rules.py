"""Which sources have which taxis; checked here without pydantic, which commands that only read need not import."""

from collections.abc import Mapping

from ride_duration.errors import RideDurationError
from ride_duration.trips.records import find_taxi_type


def find_source_problems(source: str, sources: Mapping[str, str | None], taxi_type: str) -> list[str]:
    """Return what is wrong with the choice of a source and of a type of taxi, a sentence for each.

    Args:
        source: Where raw months come from; a key of `sources`.
        sources: For each source, the pattern of a month's address, or none when months are simulated.
        taxi_type: One of `records.TAXI_TYPES`.
    """
    problems = []
    if source not in sources:
        problems.append(f"unknown source '{source}'; choose one of {', '.join(sources)}")
    try:
        find_taxi_type(taxi_type)
    except RideDurationError as error:
        return [*problems, str(error)]
    if not problems and sources[source] is None and taxi_type != "green":
        problems.append(f"the source '{source}' makes green months only; use taxi_type=green, or source=tlc")
    return problems
