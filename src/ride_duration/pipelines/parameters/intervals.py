"""How the intervals about answers are learnt."""

from pydantic import Field, field_validator, model_validator

from ride_duration.pipelines.parameters.base import Parameters
from ride_duration.pipelines.parameters.models import ModelChoice, Training, check_hyper_parameters


class Intervals(Parameters):
    """How prediction intervals are learnt.

    Attributes:
        coverage: Share of rides that an interval should hold.
        share: The last part of the training trips, in time, that is held out to calibrate on.
        bucket_edges: Edges in miles of the buckets of straight-line distance that are calibrated each by itself.
        min_trips: A bucket with fewer held-out trips is calibrated on all of them.
        level: The estimator's parameter that takes the quantile.
        model: The quantile estimator, as an entry of the zoo.
    """

    coverage: float = Field(gt=0.5, lt=1)
    share: float = Field(gt=0, lt=1)
    bucket_edges: tuple[float, ...]
    min_trips: int = Field(gt=0)
    level: str
    model: ModelChoice

    @field_validator("model")
    @classmethod
    def _known(cls, model: ModelChoice) -> ModelChoice:
        check_hyper_parameters("intervals.model", model)
        return model

    @field_validator("bucket_edges")
    @classmethod
    def _ascending(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if not edges or sorted(set(edges)) != list(edges):
            raise ValueError("bucket_edges must be numbers in ascending order")
        return edges

    @property
    def levels(self) -> dict[str, float]:
        """The quantile of each tail."""
        beyond = (1 - self.coverage) / 2
        return {"lower": beyond, "upper": 1 - beyond}

    @property
    def inside(self) -> float:
        """The share of rides that lie on the inner side of each bound."""
        return self.levels["upper"]


class Learning(Training):
    """All that a release learns: the chosen model, and the intervals about its answers."""

    intervals: Intervals

    @model_validator(mode="after")
    def _check_intervals(self) -> "Learning":
        if self.intervals.model.features not in self.feature_sets:
            raise ValueError(
                f"intervals.model.features names '{self.intervals.model.features}', "
                f"but the feature sets are {', '.join(self.feature_sets)}"
            )
        return self
