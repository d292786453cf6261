"""Typed parameters: Kedro builds them from `conf/` and `--params` before any node runs."""

from pydantic import Field, NaiveDatetime

from ride_duration.pipelines.parameters.base import Parameters
from ride_duration.pipelines.parameters.intervals import Intervals, Learning
from ride_duration.pipelines.parameters.models import (
    EarlyStopping,
    FeatureSet,
    ModelChoice,
    SearchRange,
    Training,
    Tuning,
    check_hyper_parameters,
)
from ride_duration.pipelines.parameters.months import (
    Backtest,
    Experiment,
    RawMonths,
    Scoring,
    TripSource,
    month_problems,
)

__all__ = [
    "GROUPS",
    "READ",
    "Backtest",
    "EarlyStopping",
    "ExampleRide",
    "Experiment",
    "FeatureSet",
    "Intervals",
    "Learning",
    "ModelChoice",
    "Parameters",
    "RawMonths",
    "Scoring",
    "SearchRange",
    "Training",
    "TripSource",
    "Tuning",
    "check_hyper_parameters",
    "month_problems",
]


class ExampleRide(Parameters):
    """The ride that each run answers.

    Attributes:
        pickup_zone: TLC location id.
        dropoff_zone: TLC location id.
        pickup_datetime: New York wall clock, for instance 2021-03-01T17:30.
        trip_distance: Miles by road, for models that cannot answer without.
    """

    pickup_zone: int = Field(ge=1, le=265)
    dropoff_zone: int = Field(ge=1, le=265)
    pickup_datetime: NaiveDatetime
    trip_distance: float = Field(gt=0, le=100)


#: Groups of single parameters that are checked, and given to nodes, together: each takes the fields of its type.
GROUPS: dict[str, type[Parameters]] = {
    "experiment": Experiment,
    "training": Training,
    "packaging": Learning,
    "backtest": Backtest,
    "tuning": Tuning,
    "scoring": Scoring,
}

#: The raw months that pipelines read, each as a group of type `RawMonths`: the parameters whose months they are.
READ: dict[str, tuple[str, ...]] = {
    "raw_months": ("train_data", "val_data", "test_data"),
    "backtest_months": ("backtest_data",),
    "score_months": ("score_data",),
}
