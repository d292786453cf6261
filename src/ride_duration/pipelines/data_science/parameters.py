"""Typed parameters of training and evaluation: the months, the model, its intervals, and the slices of reports."""

from itertools import combinations
from typing import Any

from pydantic import Field, field_validator, model_validator

from ride_duration.pipelines.data_science.model_choice import FeatureSet, ModelChoice, check_hyper_parameters
from ride_duration.pipelines.parameters import Parameters, TripSource, month_problems
from ride_duration.trips.features import METERED
from ride_duration.trips.months import parse_months


class Experiment(TripSource):
    """Which trips a run is trained on and evaluated on.

    Attributes:
        train_data: Months to learn from, as `parse_months` reads them.
        val_data: Months to evaluate on.
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
                problems.append(
                    f"{name} and {other} share {shared}; no model may be evaluated on what it was trained on"
                )
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


#: What the name of a tuned model ends in.
TUNED = "_tuned"


class Training(Parameters):
    """The chosen model, the model configurations that it is chosen from, and the baselines that stand beside it."""

    model: str
    seed: int = Field(ge=0, lt=2**32)
    baselines: tuple[str, ...]
    feature_sets: dict[str, FeatureSet]
    models: dict[str, ModelChoice]

    @field_validator("model", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    @model_validator(mode="after")
    def _check(self) -> "Training":
        for name in (self.model, *self.baselines):
            if name not in self.models:
                raise ValueError(f"unknown model '{name}'; {self._suggest(name)}")
        for name in dict.fromkeys((self.model, *self.baselines)):
            if self.models[name].features not in self.feature_sets:
                raise ValueError(
                    f"models.{name}.features names '{self.models[name].features}', "
                    f"but the feature sets are {', '.join(self.feature_sets)}"
                )
            self._check_distance(name)
            check_hyper_parameters(f"models.{name}", self.models[name])
        return self

    def _suggest(self, name: str) -> str:
        from kedro.utils import get_close_matches

        base = name.removesuffix(TUNED)
        if base != name and base in self.models:
            return f"tuning makes it: `kedro run --pipelines=tuning --params=model={base}`, with the same --env, first"
        close = get_close_matches(name, self.models)
        meant = f"did you mean '{close[0]}'? " if close else ""
        return f"{meant}choose one of {', '.join(self.models)}"

    def _check_distance(self, name: str) -> None:
        choice = self.models[name]
        metered = sorted({*METERED, "trip_distance_raw"} & set(self.feature_sets[choice.features].numeric))
        if metered and choice.distance == "unused":
            raise ValueError(
                f"models.{name}.distance is 'unused', but its features hold {', '.join(metered)}, "
                "which are known only after the ride; say 'optional' or 'required'"
            )

    @property
    def choice(self) -> ModelChoice:
        """The chosen entry."""
        return self.models[self.model]


class Intervals(Parameters):
    """How prediction intervals are fitted.

    Attributes:
        coverage: Share of rides that an interval should hold.
        share: The last part of the training trips, in time, that is held out to calibrate on.
        bucket_edges: Edges in miles of the buckets of straight-line distance that are calibrated each by itself.
        min_trips: A bucket with fewer held-out trips is calibrated on all of them.
        level: The estimator's parameter that takes the quantile.
        model: The quantile estimator, as an entry of `models` would be.
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


class ExpectedErrors(Parameters):
    """How the squared error to be expected of each answer is learned.

    Attributes:
        share: The last part of the training trips, in time, whose errors are learned, where no early stopping holds one
            out already.
        model: The estimator, as an entry of `models`.
    """

    share: float = Field(gt=0, lt=1)
    model: ModelChoice

    @field_validator("model")
    @classmethod
    def _known(cls, model: ModelChoice) -> ModelChoice:
        check_hyper_parameters("expected_errors.model", model)
        return model


class Learning(Training):
    """All that a release trains: the chosen model, and the intervals about its answers."""

    intervals: Intervals

    @model_validator(mode="after")
    def _check_intervals(self) -> "Learning":
        if self.intervals.model.features not in self.feature_sets:
            raise ValueError(
                f"intervals.model.features names '{self.intervals.model.features}', "
                f"but the feature sets are {', '.join(self.feature_sets)}"
            )
        return self


class Slices(Parameters):
    """How trips are cut into slices.

    Attributes:
        distance_edges: Edges in miles of the buckets of metered distance, ascending.
    """

    distance_edges: tuple[float, ...]

    @field_validator("distance_edges")
    @classmethod
    def _ascending(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if len(edges) < 2 or sorted(set(edges)) != list(edges):
            raise ValueError("distance_edges must be two or more numbers in ascending order")
        return edges


#: Groups of single parameters that are checked, and given to nodes, together: each takes the fields of its type.
GROUPS: dict[str, type[Parameters]] = {"experiment": Experiment, "training": Training}
