"""A fitted model: which columns it reads, and how it answers with and without the metered distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.pipelines.data_science.model_choice import FeatureSet, ModelChoice
from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.trips.features import METERED


class Origin(NamedTuple):
    """Where a model comes from.

    Attributes:
        run_id: The MLflow run that trained it; None where that was not tracked.
        settings: A hash of the parameters that it was trained with.
    """

    run_id: str | None
    settings: str


@dataclass
class DurationModel:
    """A regressor with what it needs to know of its features.

    Attributes:
        name: Its entry in `models`.
        choice: That entry.
        feature_set: The columns it reads.
        estimator: A scikit-learn compatible regressor.
        origin: Where it comes from, if a run trained it.
        errors: Answers with the squared error to be expected (min²), see `error_model`; None where a former program
            trained the model.
    """

    name: str
    choice: ModelChoice
    feature_set: FeatureSet
    estimator: Any
    origin: Origin | None = None
    errors: DurationModel | None = None

    @classmethod
    def unfitted(cls, name: str, training: Training) -> DurationModel:
        """Make the model `name` of `models`, not fitted yet."""
        choice = training.models[name]
        return cls.of(name, choice, training.feature_sets[choice.features], training.seed)

    @classmethod
    def of(cls, name: str, choice: ModelChoice, feature_set: FeatureSet, seed: int) -> DurationModel:
        """Make a model that is no entry of `models`, not fitted yet."""
        return cls(name, choice, feature_set, _estimator(choice, feature_set, seed))

    @property
    def columns(self) -> list[str]:
        """Names of the columns that the model reads."""
        return [*self.feature_set.categorical, *self.feature_set.numeric]

    def inputs(self, rows: pd.DataFrame) -> Any:
        """What the estimator is given for feature rows (n): a frame if columns are encoded or text, else an array."""
        if self.feature_set.categorical or self.feature_set.encode:
            return rows[self.columns]
        return rows[self.columns].to_numpy(dtype=np.float32)  # as in the released graph

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Durations (n,) in minutes, using the metered distance where the model reads it and it is there."""
        return np.asarray(self.estimator.predict(self.inputs(rows)), dtype=np.float64)

    def predict_without_distance(self, rows: pd.DataFrame) -> NDArray[np.float64] | None:
        """Durations (n,) in minutes from what is known at request time, or None if the model needs the distance."""
        if self.choice.distance == "required":
            return None
        return self.predict(without_distance(rows))


def without_distance(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as they are known at request time."""
    return rows.assign(**dict.fromkeys((*METERED, "trip_distance_raw"), np.nan))


def _estimator(choice: ModelChoice, feature_set: FeatureSet, seed: int) -> Any:
    from kedro.utils import load_obj

    estimator = load_obj(choice.estimator)()
    known = estimator.get_params()
    settings = dict(choice.hyper_parameters)
    if "random_state" in known:
        settings.setdefault("random_state", seed)
    if choice.monotone:
        settings[choice.monotone] = tuple(int(name in feature_set.increasing) for name in feature_set.numeric)
    estimator.set_params(**settings)
    return _encoding(feature_set, estimator) if feature_set.encode else estimator


def _encoding(feature_set: FeatureSet, estimator: Any) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), list(feature_set.categorical)),
        (SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True), list(feature_set.numeric)),
    )
    return make_pipeline(columns, estimator)
