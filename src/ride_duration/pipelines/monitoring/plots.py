"""The pictures of the report as Plotly figures, which kedro-viz shows in the graph and MLflow beside the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.pipelines.monitoring.trend import Trend, compute_trends
from ride_duration.pipelines.monitoring.window_verdict import select_window

_NAMES = {
    "level": "level: actual / predicted",
    "error_ratio": "realised / expected RMSE",
    "coverage": "inside the 90 % interval",
}


def plot_monitored_days(verdict: dict[str, Any], daily_sums: pd.DataFrame, monitoring: Monitoring) -> Any:
    """Plot level, realised by expected RMSE and coverage: dots are days, lines the week up to a day with day bounds.

    Args:
        verdict: Of `evaluate_window`.
        daily_sums: Of `sum_days`.
        monitoring: Says which days.
    """
    from plotly.subplots import make_subplots

    days = select_window(daily_sums, monitoring, verdict["version"], verdict["moment"])
    trends = compute_trends(days, days.labelled >= monitoring.verdict_thresholds.min_rides_of_a_day)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, subplot_titles=list(_NAMES.values()))
    for row, name in enumerate(_NAMES, start=1):
        _add_trend(figure, row, days.day.astype(str).tolist(), trends[name])
    edge = float(np.exp(monitoring.verdict_thresholds.log_level))
    accepted = verdict.get("accepted") or {"level": 1.0, "error_ratio": 1.0}
    level, ratio = accepted["level"], monitoring.verdict_thresholds.error_ratio
    largest = level * accepted["error_ratio"] * ratio
    for row, limit in ((1, level * edge), (1, level / edge), (2, largest), (3, 0.9)):
        figure.add_hline(y=limit, line_dash="dash", line_color="firebrick", row=row, col=1)
    return _titled(figure.update_layout(showlegend=False, height=720), verdict)


def plot_monitored_features(verdict: dict[str, Any], drift_scores: pd.DataFrame) -> Any:
    """Plot the PSI of each feature and window against the reference of the package.

    Args:
        verdict: Of `evaluate_window`.
        drift_scores: Of `measure_drift`.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for (first, last), scores in drift_scores.groupby(["first", "last"]):
        figure.add_bar(
            x=scores["psi"].tolist(), y=scores["feature"].tolist(), orientation="h",
            name=f"{str(first)[:10]} to {str(last)[5:10]}",
        )  # fmt: skip
    if drift_scores.empty:
        figure.add_annotation(text="the package has no reference", showarrow=False)
    return _titled(figure.update_layout(xaxis_title="PSI against the reference"), verdict)


def _add_trend(figure: Any, row: int, days: list[str], trend: Trend) -> None:
    hidden = {"mode": "lines", "line": {"width": 0}, "connectgaps": False, "row": row, "col": 1}
    figure.add_scatter(x=days, y=_known(trend.high), **hidden)
    figure.add_scatter(x=days, y=_known(trend.low), fill="tonexty", fillcolor="rgba(31,95,168,.2)", **hidden)
    figure.add_scatter(x=days, y=_known(trend.of_week), mode="lines", line={"color": "#1f5fa8"}, row=row, col=1)
    figure.add_scatter(x=days, y=_known(trend.of_day), mode="markers", marker={"color": "#1f5fa8"}, row=row, col=1)


def _known(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _titled(figure: Any, verdict: dict[str, Any]) -> Any:
    cause = "" if verdict["cause"] == "none" else f" ({verdict['cause']})"
    simulated = ", simulated" if verdict["simulated"] else ""
    about = (
        f"version {verdict['version']}, {verdict['taxi_type']} taxis, {verdict['first']} to {verdict['last']}, "
        f"answers {verdict['moment'].replace('_', ' ')}{simulated}"
    )
    return figure.update_layout(title={"text": f"Monitoring: {verdict['verdict']}{cause}", "subtitle": {"text": about}})
