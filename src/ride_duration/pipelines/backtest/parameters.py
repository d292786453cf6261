"""Typed parameters of the backtest."""

from typing import Any

from pydantic import field_validator

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.backtest.policies import Policy, parse_policies
from ride_duration.pipelines.live_level import LevelledTrips
from ride_duration.pipelines.parameters import Parameters, month_problems
from ride_duration.trips.months import parse_months


class Backtest(LevelledTrips):
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
            wrong = [f"{self.months[0]} is one month; name two or more, the first to train on, as 2021-01..2021-03"]
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


#: Groups of single parameters that are checked, and given to nodes, together: each takes the fields of its type.
GROUPS: dict[str, type[Parameters]] = {"backtest": Backtest}

#: The raw months that are read, as a group of type `RawMonths`: the parameters whose months they are.
READ = {"backtest_months": ("backtest_data",)}
