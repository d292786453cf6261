"""Pictures of a model on its validation months, as Plotly figures that kedro-viz previews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.data_science.models import DurationModel
from ride_duration.pipelines.parameters import Experiment, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = np.arange(0, 61)
_MILES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30])
#: Rows on which the importance of features is measured: enough for two digits.
_IMPORTANCE_ROWS = 5_000


def plot_predicted_against_actual(predictions: pd.DataFrame, experiment: Experiment) -> Any:
    """Map of how many validation trips of each actual duration were predicted to take how long (1-minute cells)."""
    import plotly.graph_objects as go

    val = predictions[predictions["split"] == "val"]
    counts, _, _ = np.histogram2d(val["predicted"], val["duration"], bins=(_MINUTES, _MINUTES))
    figure = go.Figure(
        go.Heatmap(
            z=np.log10(counts + 1), x=_MINUTES[:-1] + 0.5, y=_MINUTES[:-1] + 0.5, colorscale="Blues", showscale=False
        )
    )
    figure.add_scatter(x=[0, 60], y=[0, 60], mode="lines", line={"color": "grey", "dash": "dot"}, showlegend=False)
    return _titled(figure, "Predicted against actual duration", "actual minutes", "predicted minutes", experiment)


def plot_residual_by_hour(predictions: pd.DataFrame, val_features: pd.DataFrame, experiment: Experiment) -> Any:
    """Error (predicted minus actual, minutes) by hour of pick-up: its mean, and the middle 80 % of it."""
    trips = predictions.merge(val_features[["ride_id", "hour"]], on="ride_id")
    hour = np.floor(trips["hour"].to_numpy())
    return _titled(_residuals(trips, hour), "Residual by hour", "hour of pick-up", "minutes", experiment)


def plot_residual_by_distance(predictions: pd.DataFrame, val_features: pd.DataFrame, experiment: Experiment) -> Any:
    """Error (predicted minus actual, minutes) by metered distance: its mean, and the middle 80 % of it."""
    trips = predictions.merge(val_features[["ride_id", "trip_distance"]], on="ride_id").dropna(subset="trip_distance")
    bucket = np.digitize(trips["trip_distance"].to_numpy(), _MILES) - 1
    return _titled(_residuals(trips, _MILES[bucket]), "Residual by distance", "miles, from", "minutes", experiment)


def _residuals(trips: pd.DataFrame, key: NDArray[np.float64]) -> Any:
    import plotly.graph_objects as go

    errors = (trips["predicted"] - trips["duration"]).groupby(key)
    low, high, mean = errors.quantile(0.1), errors.quantile(0.9), errors.mean()
    figure = go.Figure()
    figure.add_scatter(x=list(high.index), y=list(high), line={"width": 0}, showlegend=False, name="90th percentile")
    figure.add_scatter(x=list(low.index), y=list(low), line={"width": 0}, fill="tonexty", name="middle 80 %")
    figure.add_scatter(x=list(mean.index), y=list(mean), mode="lines+markers", name="mean")
    return figure.add_hline(y=0, line_dash="dot", line_color="grey")


def plot_feature_importance(
    model: DurationModel, val_features: pd.DataFrame, experiment: Experiment, training: Training
) -> Any:
    """How much worse (RMSE, minutes) the answers get when one feature's values are shuffled among the trips.

    Works on every model of the zoo; see L. Breiman, "Random Forests", Machine Learning 45 (2001), section 10.
    """
    import plotly.graph_objects as go

    rng = np.random.default_rng(training.seed)
    rows = val_features.iloc[rng.permutation(len(val_features))[:_IMPORTANCE_ROWS]]
    order = rng.permutation(len(rows))
    base = _rmse(model, rows)
    losses = {name: _rmse(model, _shuffled(rows, name, order)) - base for name in model.columns}
    ranked = sorted(losses, key=losses.__getitem__)
    figure = go.Figure(go.Bar(x=[losses[name] for name in ranked], y=ranked, orientation="h"))
    return _titled(figure, f"Feature importance of {model.name}", "minutes of RMSE lost when shuffled", "", experiment)


def _shuffled(rows: pd.DataFrame, name: str, order: NDArray[np.int64]) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].to_numpy()[order]})


def _rmse(model: DurationModel, rows: pd.DataFrame) -> float:
    return float(np.sqrt(np.mean((model.predict(rows) - rows["duration"].to_numpy()) ** 2)))


def _titled(figure: Any, title: str, x: str, y: str, experiment: Experiment) -> Any:
    trips = "simulated trips" if experiment.simulated else f"{experiment.source.upper()} trips"
    subtitle = f"{experiment.service} {trips}, trained on {experiment.train_data}, judged on {experiment.val_data}"
    return figure.update_layout(title={"text": title, "subtitle": {"text": subtitle}}, xaxis_title=x, yaxis_title=y)
