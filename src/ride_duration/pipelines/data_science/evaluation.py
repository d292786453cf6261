"""Predictions for every split, and how good they are: in all, and slice by slice."""

from typing import Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.data_science.duration_model import DurationModel, without_distance
from ride_duration.pipelines.data_science.interval_model import IntervalModel
from ride_duration.pipelines.data_science.parameters import Experiment, Slices, Training
from ride_duration.pipelines.data_science.slices import is_known_at_request, slices_of
from ride_duration.stats.metrics import rmse_interval, score_both, score_interval


def predict_trips(
    model: DurationModel,
    interval_model: IntervalModel,
    baselines: dict[str, DurationModel],
    train_features: pd.DataFrame,
    val_features: pd.DataFrame,
    test_features: pd.DataFrame,
) -> pd.DataFrame:
    """Predict every trip of every split.

    Returns:
        One row a trip: `ride_id`, `split`, `day` of pick-up, `duration`, `predicted`, `predicted_without_distance`
        (NaN if the model needs the distance), the bounds `lower`, `upper`, `lower_without_distance` and
        `upper_without_distance` of their intervals, and one column for each baseline; the last ones in minutes.
        Training trips have no bounds: what was fitted on them says nothing of how well they hold.
    """
    splits = {"train": train_features, "val": val_features, "test": test_features}
    return pd.concat(
        [_predictions(model, interval_model, baselines, split, rows) for split, rows in splits.items() if len(rows)],
        ignore_index=True,
    )


def _predictions(
    model: DurationModel,
    interval_model: IntervalModel,
    baselines: dict[str, DurationModel],
    split: str,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    predicted, without = model.predict(rows), model.predict_without_distance(rows)
    none = (np.nan, np.nan)
    evaluated = split != "train"
    after = interval_model.bounds(rows, predicted) if evaluated else none
    before = interval_model.bounds(without_distance(rows), without) if evaluated and without is not None else none
    return pd.DataFrame(
        {
            "ride_id": rows["ride_id"],
            "split": split,
            "day": rows["pickup_datetime"].dt.strftime("%Y-%m-%d"),
            "duration": rows["duration"],
            "predicted": predicted,
            "predicted_without_distance": np.nan if without is None else without,
            "lower": after[0],
            "upper": after[1],
            "lower_without_distance": before[0],
            "upper_without_distance": before[1],
            **{name: baseline.predict(rows) for name, baseline in baselines.items()},
        }
    )


def describe_run(experiment: Experiment, training: Training) -> dict[str, str | None]:
    """What a run was asked for: the model, its months, and of which trips."""
    return {
        "model": training.model,
        "train_data": experiment.train_data,
        "val_data": experiment.val_data,
        "test_data": experiment.test_data,
        "service": experiment.taxi_type,
        "source": experiment.source,
    }


def compute_metrics(predictions: pd.DataFrame, experiment: Experiment, training: Training) -> dict[str, Any]:
    """Measure the model on each split, and the baselines on the validation months.

    Returns:
        What was trained on what; under `train`, `val` and `test` (None without test months) the measures of
        `metrics.score_both` and `metrics.score_interval`, with a 95 % interval of the RMSE (`rmse_low`, `rmse_high`);
        under `baselines` the measures by name. Depends on nothing but data and parameters.
    """
    splits = dict(iter(predictions.groupby("split")))
    val = splits["val"]
    return {
        **describe_run(experiment, training),
        "simulated": experiment.simulated,
        **{
            split: _model_measures(splits[split]) | _rmse_intervals(splits[split], training.seed)
            if split in splits
            else None
            for split in ("train", "val", "test")
        },
        "baselines": {name: _measures(val, name, name) for name in training.baselines},
    }


def _measures(
    rows: pd.DataFrame, column: str = "predicted", without: str = "predicted_without_distance"
) -> dict[str, Any]:
    return score_both(rows["duration"].to_numpy(), rows[column].to_numpy(), rows[without].to_numpy())


def _model_measures(rows: pd.DataFrame) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for suffix in ("", "_without_distance"):
        columns = (rows[name].to_numpy() for name in ("duration", f"lower{suffix}", f"upper{suffix}"))
        held |= {f"{name}{suffix}": value for name, value in score_interval(*columns).items()}
    return _measures(rows) | held


def _rmse_intervals(rows: pd.DataFrame, seed: int) -> dict[str, float | None]:
    intervals: dict[str, float | None] = {}
    for suffix in ("", "_without_distance"):
        errors = (rows[f"predicted{suffix}"] - rows["duration"]).to_numpy()
        low, high = rmse_interval(errors, rows["day"].to_numpy(), seed)
        intervals |= {f"rmse_low{suffix}": low, f"rmse_high{suffix}": high}
    return intervals


def compute_slices(
    predictions: pd.DataFrame,
    train_features: pd.DataFrame,
    val_features: pd.DataFrame,
    test_features: pd.DataFrame,
    interval_model: IntervalModel,
    slices: Slices,
) -> pd.DataFrame:
    """Measure the model on slices of the validation and test trips.

    Returns:
        One row a slice: `split`, `slice` (a kind of `slices_of`), `value`, `n` and the measures, those of the
        intervals too. Answers at request time are not measured on slices that are known only afterwards: there
        the measures `_without_distance` are None.
    """
    evaluated = pd.concat([val_features, test_features])
    trips = predictions.merge(evaluated.drop(columns="duration"), on="ride_id", validate="one_to_one")
    keys = slices_of(trips, train_features, interval_model.calibration.edges, slices)
    rows = [
        {"split": split, "slice": name, "value": value} | _slice_measures(name, group)
        for name, key in keys.items()
        for (split, value), group in trips.groupby(["split", key.rename("value")], sort=True)
    ]
    return pd.DataFrame(rows)


def _slice_measures(kind: str, rows: pd.DataFrame) -> dict[str, Any]:
    measures = _model_measures(rows)
    if is_known_at_request(kind):
        return measures
    return {name: None if name.endswith("_without_distance") else value for name, value in measures.items()}
