"""The backtest as a picture and as text."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import pandas as pd

from ride_duration.pipelines.backtest.parameters import Backtest
from ride_duration.pipelines.backtest.walk_forward import CORRECTED
from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.stats.metrics import MOMENTS
from ride_duration.trips.months import parse_months


def plot_backtest(backtest_metrics: pd.DataFrame, backtest: Backtest, training: Training) -> Any:
    """Plot the RMSE (minutes) by month, one line a policy, at both moments; lines break where months are left out.

    Args:
        backtest_metrics: As `walk_forward` gives it.
        backtest: Months and policies.
        training: Names the model.
    """
    from plotly.colors import qualitative
    from plotly.subplots import make_subplots

    moments = {words: suffix for suffix, words in MOMENTS.items() if backtest_metrics[f"rmse{suffix}"].notna().all()}
    figure = make_subplots(cols=len(moments), shared_yaxes=True, subplot_titles=list(moments), horizontal_spacing=0.04)
    axis = _with_gaps(backtest_metrics["month"].unique())
    for column, suffix in enumerate(moments.values(), start=1):
        lines = _by_month(backtest_metrics, f"rmse{suffix}").reindex(axis)
        for policy, colour in zip(backtest.policies, cycle(qualitative.D3), strict=False):
            figure.add_scatter(
                x=axis,
                y=[None if pd.isna(value) else value for value in lines[policy.name]],
                name=policy.words,
                legendgroup=policy.name,
                showlegend=column == 1,
                mode="lines+markers",
                line_color=colour,
                row=1,
                col=column,
            )
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=axis, tickangle=-45)
    figure.update_yaxes(title_text="RMSE in minutes", col=1)
    trips = f"{_trips(backtest)} of {backtest.backtest_data}"
    return figure.update_layout(
        title={
            "text": f"What retraining gains: {training.model}, RMSE by month",
            "subtitle": {"text": f"{trips}; each month evaluated with models that know only months before it"},
        },
        legend={"orientation": "h", "y": -0.3},
    )


def summarise_backtest(backtest_metrics: pd.DataFrame, backtest: Backtest, training: Training) -> str:
    """The backtest as plain text: RMSE by month and policy, the mean over the months, and the number of retrainings.

    Args:
        backtest_metrics: As `walk_forward` gives it.
        backtest: Months and policies.
        training: Names the model.
    """
    names = [policy.name for policy in backtest.policies]
    cells = _cells(backtest_metrics)[names]
    trips = backtest_metrics.groupby("month")["n"].first()
    retrainings = backtest_metrics.groupby("policy")["learnt_from"].nunique()[names] - 1
    simulated = " (simulated)" if backtest.simulated else ""
    return "\n".join(
        [
            f"{training.model} on {_trips(backtest)}, each month evaluated with models that know only months before it",
            f"RMSE in minutes{simulated}, with metered distance / at request time (no distance)",
            "",
            _line("month", "trips", names),
            *(
                _line(month, f"{trips[month]:,}", cells.loc[month]) if month in trips else "..."
                for month in _with_gaps(trips.index)
            ),
            _line("mean", "", cells.loc["mean"]),
            _line("retrainings", "", retrainings),
            *(_summarise_corrected(backtest_metrics, backtest) if backtest.level_rules else ()),
            "",
            *(f"{policy.name:<11}{policy.words}" for policy in backtest.policies),
            "",
        ]
    )


def _summarise_corrected(backtest_metrics: pd.DataFrame, backtest: Backtest) -> list[str]:
    """The RMSE of corrected answers, by month and policy."""
    names = [policy.name for policy in backtest.policies]
    cells = _cells(backtest_metrics, CORRECTED)[names]
    delay = f"durations known {backtest.label_delay_hours:g} h after the drop-off"
    return ["", f"The same, corrected by the level as of each pick-up, {delay}", *(
        _line(month, "", cells.loc[month]) for month in cells.index
    )]  # fmt: skip


def _trips(backtest: Backtest) -> str:
    return f"{backtest.taxi_type} {'simulated' if backtest.simulated else backtest.source.upper()} trips"


def _by_month(backtest_metrics: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One row a month, one column a policy."""
    return backtest_metrics.pivot(index="month", columns="policy", values=measure)


def _cells(backtest_metrics: pd.DataFrame, of: str = "") -> pd.DataFrame:
    """Return the RMSE at both moments as text: one row a month, a last one for their mean; one column a policy."""
    texts = []
    for suffix in MOMENTS:
        values = _by_month(backtest_metrics, f"rmse{suffix}{of}")
        values.loc["mean"] = values.mean()
        texts.append(values.map(lambda value: "   -" if pd.isna(value) else f"{value:.2f}"))
    after, before = texts
    return after + " / " + before


def _line(first: str, second: str, cells: Iterable[Any]) -> str:
    return f"{first:<11}{second:>10}" + "".join(f"{cell:>14}" for cell in cells)


def _with_gaps(months: Any) -> list[str]:
    """The months, with a text of dots, each time another one, where calendar months are left out."""
    shown: list[str] = []
    for month in months:
        if shown and len(parse_months(f"{shown[-1]}..{month}")) > 2:
            shown.append("…" + " " * len(shown))
        shown.append(month)
    return shown
