"""What a study has found: an entry of `models`, pictures and a text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ride_duration.pipelines.data_science.parameters import TUNED, Training


def write_tuned_entry(tuning_result: dict[str, Any], training: Training, environment: str) -> str:
    """The best trial's hyper-parameters as a complete entry of `models`, in YAML, and how they were found.

    Args:
        tuning_result: As `tune_model` gives it.
        training: The model that was tuned.
        environment: Of `conf/`, in which it was tuned and in which the entry is kept.
    """
    import yaml

    entry = training.choice.model_dump(mode="json", exclude={"search_space"})
    entry["hyper_parameters"] |= tuning_result["hyper_parameters"]
    entry = {name: value for name, value in entry.items() if value is not None}
    name, best, first = training.model + TUNED, tuning_result["best"], tuning_result["first"]
    head = f"""\
# Made by the command below, which overwrites it. Used by
# `kedro run --env {environment} --params=model={name}`.
# Mean RMSE over {_folds(tuning_result)}: {best["objective"]:.3f} minutes, the best of
# {tuning_result["trials"]} trials; {training.model} as it was: {first["objective"]:.3f}.
# {_command(tuning_result, environment)}
"""
    return head + yaml.safe_dump({"models": {name: entry}}, sort_keys=False)


def _command(tuning_result: dict[str, Any], environment: str) -> str:
    recorded = {"taxi_type": "service"}
    names = ("model", "train_data", "taxi_type", "source", "seed", "trials")
    params = ",".join(f"{name}={tuning_result[recorded.get(name, name)]}" for name in names)
    return f'kedro run --env {environment} --pipelines=tuning --params="{params}"'


def _folds(tuning_result: dict[str, Any]) -> str:
    simulated = " of simulated trips" if tuning_result["simulated"] else ""
    return f"{len(tuning_result['folds'])} folds inside the training months{simulated}"


def plot_tuning_history(tuning_trials: pd.DataFrame, tuning_result: dict[str, Any]) -> Any:
    """The objective of each trial, and the best so far."""
    import plotly.graph_objects as go

    figure = go.Figure()
    complete, pruned = (tuning_trials[tuning_trials["state"] == state] for state in ("complete", "pruned"))
    for trials, name, symbol in (
        (complete, "complete", "circle"),
        (pruned, "stopped early: over fewer folds", "x-thin-open"),
    ):
        figure.add_scatter(
            x=list(trials["trial"]), y=list(trials["objective"]), mode="markers", marker_symbol=symbol, name=name
        )
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


def summarise_tuning(tuning_result: dict[str, Any], training: Training) -> str:
    """The best values beside those that the model had, as plain text."""
    first, best = tuning_result["first"], tuning_result["best"]
    trips = "SIMULATED trips" if tuning_result["simulated"] else f"{tuning_result['source'].upper()} trips"
    lines = [
        f"Tuned on {tuning_result['train_data']}: {tuning_result['service']} taxi, {trips}",
        f"{tuning_result['trials']} trials, {tuning_result['pruned']} of them stopped early",
        "",
        _line("", training.model, training.model + TUNED),
        _line("RMSE with metered distance", *(f"{trial['rmse']:.3f}" for trial in (first, best))),
    ]
    if best["rmse_without_distance"] is not None:
        befores = (f"{trial['rmse_without_distance']:.3f}" for trial in (first, best))
        lines += [
            _line("RMSE at request time", *befores),
            _line("their mean", *(f"{trial['objective']:.3f}" for trial in (first, best))),
        ]
    had = training.choice.hyper_parameters
    lines += [_line(name, had[name], value) for name, value in tuning_result["hyper_parameters"].items()]
    lines += ["", f"RMSE in minutes, mean over {_folds(tuning_result)}"]
    if best["trial"] == first["trial"]:
        lines.append(f"No trial did better than {training.model} as it is, so that both are the same; more trials may")
    return "\n".join([*lines, ""])


def _line(name: str, had: Any, found: Any) -> str:
    return f"{name:<28}{had!s:>20}{found!s:>28}"
