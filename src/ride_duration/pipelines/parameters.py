"""Typed parameters: Kedro builds them from `conf/` and `--params` before any node runs.

Here is what pipelines have in common; each pipeline's own stand in its `parameters.py`.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from ride_duration.clock import local_time
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.source_rules import find_source_problems
from ride_duration.trips.months import parse_months
from ride_duration.trips.records import TaxiType, find_taxi_type

#: The TLC publishes trip records from this month on.
FIRST_MONTH = "2009-01"


class Parameters(BaseModel):
    """A group of parameters: unknown names are refused, and nothing changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TripSource(Parameters):
    """Where trips come from.

    Attributes:
        source: Where raw months come from; a key of `sources`.
        sources: For each source, the pattern of a month's address, or none when months are simulated.
        taxi_type: One of `records.TAXI_TYPES`.
    """

    source: str
    sources: dict[str, str | None]
    taxi_type: str

    @field_validator("taxi_type", "source", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if problems := self._problems():
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> list[str]:
        return find_source_problems(self.source, self.sources, self.taxi_type)

    @property
    def layout(self) -> TaxiType:
        """How the TLC names the columns of these taxis."""
        return find_taxi_type(self.taxi_type)

    @property
    def simulated(self) -> bool:
        """Whether the trips are made by the synthetic city."""
        return self.sources[self.source] is None


class RawMonths(TripSource):
    """Which raw months a run reads.

    Attributes:
        read_data: Texts that name months, as `parse_months` reads them.
    """

    read_data: tuple[str, ...]

    @property
    def months(self) -> tuple[str, ...]:
        """The months, in the order of time and each one once."""
        return tuple(sorted({month for text in self.read_data for month in parse_months(text)}))

    def _problems(self) -> list[str]:
        return [*super()._problems(), *(problem for text in self.read_data for problem in month_problems(text))]


def month_problems(text: str) -> list[str]:
    """What is wrong with a text that should name months, if anything."""
    try:
        months = parse_months(text)
    except RideDurationError as error:
        return [str(error)]
    if months[0] < FIRST_MONTH:
        return [f"{months[0]} lies before {FIRST_MONTH}, the first month that the TLC has published"]
    if months[-1] > f"{(today := local_time()):%Y-%m}":
        return [f"{months[-1]} has not begun (today is {today:%Y-%m-%d}); name a month of the past"]
    return []
