"""Typed parameters of batch scoring."""

from typing import Any

from pydantic import Field, field_validator

from ride_duration.pipelines.live_level import LevelledTrips
from ride_duration.pipelines.parameters import Parameters, month_problems
from ride_duration.trips.months import parse_months


class Scoring(LevelledTrips):
    """Which months are scored, and how.

    Attributes:
        score_data: The months, as `parse_months` reads them.
        score_intervals: Whether each prediction carries an interval.
        score_without_distance: Whether each trip is also answered as at request time, as monitoring wants it.
        score_rows: Trips that are scored, and written, at a time.
        engine_threads: How many such batches are scored at once.
    """

    score_data: str
    score_intervals: bool
    score_without_distance: bool
    score_rows: int = Field(ge=1_000, le=1_000_000)
    engine_threads: int = Field(gt=0, le=512)

    @field_validator("score_data", mode="before")
    @classmethod
    def _score_data_as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    def _problems(self) -> list[str]:
        return [*super()._problems(), *(f"score_data: {problem}" for problem in month_problems(self.score_data))]

    @property
    def months(self) -> tuple[str, ...]:
        """The months, in the order of time."""
        return parse_months(self.score_data)


#: Groups of single parameters that are checked, and given to nodes, together: each takes the fields of its type.
GROUPS: dict[str, type[Parameters]] = {"scoring": Scoring}

#: The raw months that are read, as a group of type `RawMonths`: the parameters whose months they are.
READ = {"score_months": ("score_data",)}
