"""Typed parameters of packaging, gate and release."""

from typing import Literal, Self

from pydantic import Field, NaiveDatetime, model_validator

from ride_duration.pipelines.data_science.parameters import ExpectedErrors, Learning
from ride_duration.pipelines.parameters import Parameters


class Packaging(Learning):
    """The chosen model and the quantile estimator of its intervals, if both can be packaged."""

    expected_errors: ExpectedErrors | None = None

    @model_validator(mode="after")
    def _check_package(self) -> Self:
        from kedro.utils import load_obj

        from ride_duration.pipelines.model_release.graphs import reason_against

        for where, choice in ((f"models.{self.model}", self.choice), ("intervals.model", self.intervals.model)):
            estimator = load_obj(choice.estimator)()
            estimator.set_params(**choice.hyper_parameters)
            if reason := reason_against(estimator, self.feature_sets[choice.features]):
                raise ValueError(
                    f"{where} cannot be released: {reason}; "
                    "to try it without a release, add --pipelines=ingestion,data_engineering,data_science"
                )
        return self


class Gate(Parameters):
    """Thresholds of the gate. Shares are of 1.

    Attributes:
        rejected, repaired, flagged: Largest share of a month's records with any such reason.
        champion_worse: How much worse (relative RMSE) than the champion, and than the best former champion, the
            package may be, at the upper 95 % bound.
        recent_champions: How many former champions the package is compared with the best of.
        slice_worse: How much worse any slice may be, at the lower 95 % bound.
        slice_trips: Slices with fewer trips are not compared.
        seed: Of the bootstrap.
        coverage: Range that the share of rides inside their interval must lie in.
        bucket_coverage: Least share inside in a bucket of straight-line distance.
        bucket_trips: Buckets with fewer trips are not looked at.
        request_time: Whether a package must answer at request time, without the metered distance.
        golden_minutes: How far an answer to a golden ride may be off.
        megabytes: Largest size.
        milliseconds: Largest median time to answer one ride with its interval.
    """

    rejected: float = Field(ge=0, le=1)
    repaired: float = Field(ge=0, le=1)
    flagged: float = Field(ge=0, le=1)
    champion_worse: float = Field(ge=0)
    recent_champions: int = Field(ge=0)
    slice_worse: float = Field(ge=0)
    slice_trips: int = Field(gt=0)
    seed: int = Field(ge=0)
    coverage: tuple[float, float]
    bucket_coverage: float = Field(ge=0, le=1)
    bucket_trips: int = Field(gt=0)
    request_time: bool = True
    golden_minutes: float = Field(gt=0)
    megabytes: float = Field(gt=0)
    milliseconds: float = Field(gt=0)


class ReleaseChoice(Parameters):
    """What happens to a package that passed the gate.

    Attributes:
        approval: `auto` makes it champion at once, unless the gate found no improvement where one is needed; `manual`
            leaves that to a person.
    """

    approval: Literal["auto", "manual"]


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
GROUPS: dict[str, type[Parameters]] = {"packaging": Packaging}
