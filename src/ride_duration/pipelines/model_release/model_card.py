"""The model card: what a package is for, how good it is, and where it fails, with pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ride_duration.model_package.intervals import Calibration, bucket_names, buckets
from ride_duration.pipelines.model_release.worst_slices import describe_worst_slices
from ride_duration.stats.metrics import MOMENTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def card_files(
    metrics: dict[str, Any],
    slice_metrics: pd.DataFrame,
    predictions: pd.DataFrame,
    val_features: pd.DataFrame,
    calibration: Calibration,
    quality_report: dict[str, Any],
    left_out: Sequence[str],
) -> dict[str, bytes]:
    """The card as Markdown, and its plots as PNG, by file name."""
    val = predictions[predictions["split"] == "val"].merge(
        val_features[["ride_id", "hour", "straight_distance"]], on="ride_id"
    )
    plots = {
        "plots/error_by_hour.png": _plot(lambda axes: _by_hour(axes, val)),
        "plots/predicted.png": _plot(lambda axes: _predicted(axes, val)),
        "plots/coverage.png": _plot(lambda axes: _coverage(axes, val, calibration)),
    }
    return {
        "model_card.md": _card(
            metrics, slice_metrics, calibration, describe_incident_days(quality_report, left_out)
        ).encode(),
        **plots,
    }


def describe_incident_days(quality_report: dict[str, Any], left_out: Sequence[str]) -> list[str]:
    """Return a line about incident days that training left out, and one about those that it was evaluated on."""
    days = [one for entry in quality_report.values() for one in entry.get("incident_days", ())]
    lines = []
    for text, chosen in (
        ("left out of training as incident days", [one for one in days if one["day"] in left_out]),
        ("evaluated on incident days, too, which no figure leaves out", [o for o in days if o["day"] not in left_out]),
    ):
        named = ", ".join(f"{one['day']} ({one['why']})" for one in chosen)
        lines += [f"- {text}: {named}; {sum(one['trips'] for one in chosen):,} trips."] if chosen else []
    return lines


def _card(
    metrics: dict[str, Any], slice_metrics: pd.DataFrame, calibration: Calibration, incident_days: list[str]
) -> str:
    val = metrics["val"]
    simulated = metrics["simulated"]
    trips = "SIMULATED trips of a synthetic city" if simulated else f"{metrics['source'].upper()} trip records"
    lines = [
        f"# Model card: {metrics['model']}",
        "",
        f"How many minutes a New York taxi ride takes, with a {calibration.coverage:.0%} interval.",
        "",
        "## Data",
        f"- {metrics['service']} taxis, {trips}; rides of 1 to 60 minutes.",
        f"- trained on {metrics['train_data']}, evaluated on {metrics['val_data']} ({val['n']:,} trips)"
        + (f", and on {metrics['test_data']} at last" if metrics["test_data"] else "")
        + ". `raw_fingerprints.json` has the hash of each file, `quality_report.json` what was left out and why.",
        *incident_days,
        "",
        f"## How good it is{' (simulated)' if simulated else ''}",
        "Minutes, on the months it was evaluated on. A distance is metered: known only after the ride.",
        "",
        "| | with metered distance | at request time |",
        "|---|---|---|",
        *(_metric_row(label, name, val) for label, name in _ROWS),
        *(
            f"| RMSE of {name} | {_number(scores['rmse'])} | {_number(scores['rmse_without_distance'])} |"
            for name, scores in metrics["baselines"].items()
        ),
        "",
        "![Predicted against actual minutes](plots/predicted.png)",
        "![Error by hour](plots/error_by_hour.png)",
        "![Share of rides inside their interval](plots/coverage.png)",
        "",
        "## Where it is worst",
        *describe_worst_slices(slice_metrics, calibration),
        "",
        "## Use",
        "- Meant for telling people how long a taxi ride will take, and for planning.",
        "- Not meant for fares, for judging drivers, for emergencies, or for rides outside the city's taxi zones.",
        "",
        "## Limits",
        "- Rides under 1 or over 60 minutes are not in the training data: longer rides are underestimated.",
        "- Weather, roadworks, holidays and traffic of the day are unknown to it.",
        "- Places are known by the centroids of their zones.",
        "- Traffic changes from month to month; an old model errs more, and its intervals hold fewer rides.",
        *(
            ["- **Simulated**: trained on a synthetic city. Its numbers say nothing of New York."]
            * metrics["simulated"]
        ),
        "",
    ]
    return "\n".join(lines)


_ROWS = (
    ("RMSE", "rmse"),
    ("mean absolute error", "mae"),
    ("bias", "bias"),
    ("90th percentile of the error", "p90_error"),
    ("share within 5 minutes", "within_5_minutes"),
    ("share inside the interval", "coverage"),
    ("mean width of the interval", "width"),
)


def _metric_row(label: str, name: str, val: dict[str, Any]) -> str:
    return f"| {label} | {_number(val[name])} | {_number(val[f'{name}_without_distance'])} |"


def _number(value: float | None) -> str:
    return "n/a (needs the distance)" if value is None else f"{value:.3f}"


def _plot(draw: Any) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    draw(figure.subplots())
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    return picture.getvalue()


def _by_hour(axes: Axes, val: pd.DataFrame) -> None:
    errors = (val["predicted"] - val["duration"]).groupby(np.floor(val["hour"]))
    axes.fill_between(errors.mean().index, errors.quantile(0.1), errors.quantile(0.9), alpha=0.25, label="middle 80 %")
    axes.plot(errors.mean(), marker="o", label="mean")
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="hour of pick-up", ylabel="predicted less actual, minutes", title="Error by hour")
    axes.legend()


def _predicted(axes: Axes, val: pd.DataFrame) -> None:
    axes.hist2d(val["duration"], val["predicted"], bins=(60, 60), range=((0, 60), (0, 60)), norm="log", cmap="Blues")
    axes.plot((0, 60), (0, 60), color="grey", linestyle=":")
    axes.set(xlabel="actual minutes", ylabel="predicted minutes", title="Predicted against actual")


def _coverage(axes: Axes, val: pd.DataFrame, calibration: Calibration) -> None:
    bucket = buckets(val["straight_distance"].to_numpy(dtype=np.float64), calibration.edges)
    names = bucket_names(calibration.edges)
    for suffix, label in MOMENTS.items():
        held = val["duration"].between(val[f"lower{suffix}"], val[f"upper{suffix}"])
        if val[f"lower{suffix}"].notna().all():
            shares = held.groupby(bucket).mean()
            axes.plot([names[number] for number in shares.index], shares.to_numpy(), marker="o", label=label)
    axes.axhline(calibration.coverage, color="grey", linewidth=0.8)
    axes.tick_params(axis="x", rotation=30, labelsize=7)
    axes.set(ylabel="share inside the interval", title="Intervals, by straight-line distance", ylim=(0.5, 1))
    axes.legend()
