"""Which months a run reads: to learn from, to be judged on, to walk through, to score."""

from datetime import datetime
from itertools import combinations
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.parameters.base import Parameters
from ride_duration.pipelines.policies import Policy, parse_policies
from ride_duration.trips.months import parse_months
from ride_duration.trips.records import Service, find_service

#: The TLC publishes trip records from this month on.
_FIRST = "2009-01"


class TripSource(Parameters):
    """Where trips come from.

    Attributes:
        source: Where raw months come from; a key of `sources`.
        sources: For each source, the pattern of a month's address, or none when months are simulated.
        service: One of `records.SERVICES`.
    """

    source: str
    sources: dict[str, str | None]
    service: str

    @field_validator("service", "source", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if problems := self._problems():
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> list[str]:
        problems = []
        if self.source not in self.sources:
            problems.append(f"unknown source '{self.source}'; choose one of {', '.join(self.sources)}")
        try:
            find_service(self.service)
        except RideDurationError as error:
            return [*problems, str(error)]
        if not problems and self.simulated and self.service != "green":
            problems.append(f"the source '{self.source}' makes green months only; use service=green, or source=tlc")
        return problems

    @property
    def raw_service(self) -> Service:
        """The service's record layout."""
        return find_service(self.service)

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
    if months[0] < _FIRST:
        return [f"{months[0]} lies before {_FIRST}, the first month that the TLC has published"]
    if months[-1] > f"{(today := datetime.now().astimezone()):%Y-%m}":
        return [f"{months[-1]} has not begun (today is {today:%Y-%m-%d}); name a month of the past"]
    return []


class Experiment(TripSource):
    """Which trips a run learns from and is judged on.

    Attributes:
        train_data: Months to learn from, as `parse_months` reads them.
        val_data: Months to be judged on.
        test_data: Months for a last look, if any.
        engine_threads: Threads of the data engine.
    """

    train_data: str
    val_data: str
    test_data: str | None = None
    engine_threads: int = Field(gt=0, le=512)

    @field_validator("train_data", "val_data", mode="before")
    @classmethod
    def _months_as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    @field_validator("test_data", mode="before")
    @classmethod
    def _as_text_or_none(cls, value: Any) -> str | None:
        return str(value) if value else None

    def _problems(self) -> list[str]:
        problems = super()._problems()
        splits = {}
        for name, text in (("train_data", self.train_data), ("val_data", self.val_data), ("test_data", self.test_data)):
            wrong = [] if text is None else month_problems(text)
            problems += [f"{name}: {problem}" for problem in wrong]
            if not wrong:
                splits[name] = set() if text is None else set(parse_months(text))
        for (name, months), (other, others) in combinations(splits.items(), 2):
            if shared := ", ".join(sorted(months & others)):
                problems.append(f"{name} and {other} share {shared}; no model may be judged on what it learnt")
        return problems or _find_earlier(splits)

    @property
    def splits(self) -> dict[str, tuple[str, ...]]:
        """Months of `train`, `val` and `test`; the last may be empty."""
        test = parse_months(self.test_data) if self.test_data else ()
        return {"train": parse_months(self.train_data), "val": parse_months(self.val_data), "test": test}

    @property
    def months(self) -> tuple[str, ...]:
        """All months, in the order of time."""
        return tuple(sorted(month for months in self.splits.values() for month in months))


def _find_earlier(splits: dict[str, set[str]]) -> list[str]:
    """Say which months to evaluate on are not later than all months to train on."""
    newest = max(splits["train_data"])
    return [
        f"{name} {', '.join(earlier)} is not later than {newest} in train_data; a model is evaluated on months after "
        f"all that it was trained on: name later months for {name}, or earlier ones for train_data"
        for name in ("val_data", "test_data")
        if (earlier := sorted(month for month in splits[name] if month < newest))
    ]


class Backtest(TripSource):
    """Which months a backtest walks through, and the retraining policies that it compares.

    Attributes:
        backtest_data: Two or more months, as `parse_months` reads them.
        backtest_policies: As `parse_policies` reads them.
    """

    backtest_data: str
    backtest_policies: str

    @field_validator("backtest_data", "backtest_policies", mode="before")
    @classmethod
    def _choices_as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    def _problems(self) -> list[str]:
        wrong = month_problems(self.backtest_data)
        if not wrong and len(self.months) < 2:
            wrong = [f"{self.months[0]} is one month; name two or more, the first to learn from, as 2021-01..2021-03"]
        problems = [*super()._problems(), *(f"backtest_data: {problem}" for problem in wrong)]
        try:
            parse_policies(self.backtest_policies)
        except RideDurationError as error:
            problems.append(f"backtest_policies: {error}")
        return problems

    @property
    def months(self) -> tuple[str, ...]:
        """The months, in the order of time."""
        return parse_months(self.backtest_data)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies, in the order given."""
        return parse_policies(self.backtest_policies)


class Scoring(TripSource):
    """Which months are scored, and how.

    Attributes:
        score_data: The months, as `parse_months` reads them.
        score_intervals: Whether each prediction carries an interval.
        score_rows: Trips that are scored, and written, at a time.
        engine_threads: How many such batches are scored at once.
    """

    score_data: str
    score_intervals: bool
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
