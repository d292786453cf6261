"""What a study has found: an entry for the model zoo, pictures and a text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ride_duration.pipelines.parameters import Training

SUFFIX = "_tuned"


def write_tuned_entry(tuning_result: dict[str, Any], training: Training) -> str:
    """The best trial's hyper-parameters as a new entry of the model zoo, in YAML."""
    import yaml

    choice = training.choice.model_dump(mode="json", exclude_none=True, exclude={"search_space"})
    choice["hyper_parameters"] |= tuning_result["hyper_parameters"]
    body = yaml.safe_dump({"models": {training.model + SUFFIX: choice}}, sort_keys=False)
    best, first, simulated = tuning_result["best"], tuning_result["first"], _simulated(tuning_result)
    head = [
        f"Made by {command(tuning_result)}",
        (
            f"{tuning_result['trials']} trials; mean RMSE over {len(tuning_result['folds'])} folds{simulated}: "
            f"{best['objective']:.4f} minutes (trial {best['trial']}), with the values of {training.model} "
            f"{first['objective']:.4f}."
        ),
        (
            "Tuning again overwrites this file, and git shows what has changed. Use it with --params=model="
            f"{training.model}{SUFFIX}"
        ),
    ]
    return "".join(f"# {line}\n" for line in head) + body


def command(tuning_result: dict[str, Any]) -> str:
    """What to type for the same study."""
    names = ("model", "train_data", "service", "source", "seed", "trials")
    params = ",".join(f"{name}={tuning_result[name]}" for name in names)
    return f'kedro run --pipelines=tuning --params="{params}"'


def plot_tuning_history(tuning_trials: pd.DataFrame, tuning_result: dict[str, Any]) -> Any:
    """The objective of each trial, and the best so far."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for state, symbol in (("complete", "circle"), ("pruned", "x-thin-open")):
        chosen = tuning_trials[tuning_trials["state"] == state]
        figure.add_scatter(
            x=list(chosen["trial"]), y=list(chosen["objective"]), mode="markers", marker_symbol=symbol, name=state
        )
    complete = tuning_trials[tuning_trials["state"] == "complete"]
    figure.add_scatter(
        x=list(complete["trial"]), y=list(complete["objective"].cummin()), line_shape="hv", name="best so far"
    )
    return _titled(figure, "Tuning history", tuning_result).update_layout(
        xaxis_title="trial; the first one has the values of the entry", yaxis_title="mean RMSE over folds, minutes"
    )


def plot_tuning_slices(tuning_trials: pd.DataFrame, tuning_result: dict[str, Any], training: Training) -> Any:
    """The objective of the complete trials by the value of each hyper-parameter."""
    from plotly.subplots import make_subplots

    complete = tuning_trials[tuning_trials["state"] == "complete"]
    space = training.choice.search_space
    figure = make_subplots(cols=len(space), shared_yaxes=True)
    for column, (name, searched) in enumerate(space.items(), start=1):
        figure.add_scatter(
            x=list(complete[name]),
            y=list(complete["objective"]),
            mode="markers",
            marker={"color": list(complete["trial"]), "colorscale": "Blues"},
            name=name,
            showlegend=False,
            row=1,
            col=column,
        )
        figure.update_xaxes(title=name, type="log" if searched.log else None, row=1, col=column)
    figure.update_yaxes(title="minutes", row=1, col=1)
    return _titled(figure, "Objective by hyper-parameter; later trials are darker", tuning_result)


def _titled(figure: Any, title: str, tuning_result: dict[str, Any]) -> Any:
    trips = "simulated trips" if tuning_result["simulated"] else f"{tuning_result['source'].upper()} trips"
    subtitle = f"{tuning_result['model']}, {tuning_result['service']} {trips} of {tuning_result['train_data']}"
    return figure.update_layout(title={"text": title, "subtitle": {"text": subtitle}})


def _simulated(tuning_result: dict[str, Any]) -> str:
    return " (simulated)" if tuning_result["simulated"] else ""


def summarise_tuning(tuning_result: dict[str, Any], training: Training) -> str:
    """The best values beside those that the model had, as plain text."""
    best, first = tuning_result["best"], tuning_result["first"]
    trips = "SIMULATED trips" if tuning_result["simulated"] else f"{tuning_result['source'].upper()} trips"
    lines = [
        (
            f"Tuned {training.model} on {tuning_result['service']} {trips} of {tuning_result['train_data']}: "
            f"{tuning_result['trials']} trials, {tuning_result['pruned']} of them stopped early"
        ),
        "",
        f"{'':<24}{training.model:>22}{training.model + SUFFIX:>22}",
        f"{'mean RMSE, minutes':<24}{first['objective']:>22.4f}{best['objective']:>22.4f}{_simulated(tuning_result)}",
        *(
            f"{name:<24}{training.choice.hyper_parameters[name]!s:>22}{value!s:>22}"
            for name, value in tuning_result["hyper_parameters"].items()
        ),
        "",
        f"The mean is over {len(tuning_result['folds'])} folds inside the training months, after and before the ride.",
    ]
    if best["trial"] == 1:
        lines.append("No trial did better than the values that were there.")
    return "\n".join([*lines, ""])
