"""Pictures of a model on its validation months, as Plotly figures that kedro-viz previews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.parameters import Experiment, Training
from ride_duration.stats.metrics import compute_rmse

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = np.arange(0, 61)
_MILES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30])
#: Rows on which the importance of features is measured: enough for two digits.
_IMPORTANCE_ROWS = 5_000
#: Rides whose SHAP values are shown: exact ones take up to 17 ms a ride.
_SHAP_ROWS = 200


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

    Works on every model; see L. Breiman, "Random Forests", Machine Learning 45 (2001), section 10.
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
    return compute_rmse(model.predict(rows) - rows["duration"].to_numpy())


def plot_shap_values(
    model: DurationModel, val_features: pd.DataFrame, experiment: Experiment, training: Training
) -> Any:
    """What each feature adds to the answers to a sample of rides (minutes), one point a ride, by exact tree SHAP.

    See S. Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature
    Machine Intelligence 2 (2020). Only XGBoost and LightGBM compute them; of other models the plot says so.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    rng = np.random.default_rng(training.seed)
    rows = val_features.iloc[rng.permutation(len(val_features))[:_SHAP_ROWS]]
    values = _shap_values(model, rows)
    if values is None:
        figure.add_annotation(
            text=f"{model.name} has no exact SHAP values; see its feature importance", showarrow=False
        )
        return _titled(figure, f"SHAP values of {model.name}", "", "", experiment)
    ranks = np.argsort(np.argsort(np.abs(values).mean(axis=0)))
    spread = rng.uniform(-0.3, 0.3, len(rows))
    for number, name in enumerate(model.feature_set.numeric):
        level = rows[name].rank(pct=True).fillna(0)
        colour = {"color": level, "colorscale": "Bluered", "size": 4, "cmin": 0, "cmax": 1}
        figure.add_scatter(x=values[:, number], y=ranks[number] + spread, mode="markers", marker=colour, name=name)
    names = [model.feature_set.numeric[number] for number in np.argsort(ranks)]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
    figure.update_layout(showlegend=False)
    title = f"SHAP values of {model.name} (red: large values of the feature)"
    return _titled(figure, title, "minutes added", "", experiment)


def _shap_values(model: DurationModel, rows: pd.DataFrame) -> NDArray[np.float64] | None:
    """Minutes (n, features) that each feature adds, or None where the library has no exact answer."""
    library = type(model.estimator).__module__.partition(".")[0]
    if library == "xgboost":
        import xgboost

        added = model.estimator.get_booster().predict(
            xgboost.DMatrix(model.inputs(rows), nthread=1), pred_contribs=True
        )
    elif library == "lightgbm":
        added = model.estimator.booster_.predict(model.inputs(rows), pred_contrib=True)
    else:
        return None
    return np.asarray(added, dtype=np.float64)[:, :-1]


def _titled(figure: Any, title: str, x: str, y: str, experiment: Experiment) -> Any:
    trips = "simulated trips" if experiment.simulated else f"{experiment.source.upper()} trips"
    subtitle = f"{experiment.taxi_type} {trips}, trained on {experiment.train_data}, evaluated on {experiment.val_data}"
    return figure.update_layout(title={"text": title, "subtitle": {"text": subtitle}}, xaxis_title=x, yaxis_title=y)
