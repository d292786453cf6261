"""`kedro run` as users meet it: one message for each mistake, and an ending that says what to do next."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import click
from kedro.framework.cli.project import run as kedro_run

from ride_duration.cli.context import split_params
from ride_duration.cli.errors import report_errors
from ride_duration.cli.selection import chosen_pipeline, complete_names
from ride_duration.pipelines.declarations import EndedRun, find_endings

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro.pipeline import Pipeline

_EXAMPLES = """\b
Examples:
  kedro run
  kedro run --params="train_data=2021-01,val_data=2021-02,model=linear_regression"
  kedro run --env tlc --params="train_data=2021-01..2021-02,val_data=2021-03"
  kedro run --pipelines=data_engineering
  kedro run --pipelines=backtest --params="backtest_data=2021-01..2021-03"
  kedro run --pipelines=tuning --params="model=lightgbm,trials=20"
  kedro run --pipelines=batch_scoring --params=score_data=2021-03
"""

run_pipelines = cast("Callable[..., dict[str, Any]]", kedro_run.callback)


def _run(traceback: bool, **options: Any) -> None:
    with report_errors(traceback):
        pipeline = chosen_pipeline(options)
        outputs = run_pipelines(**complete_names(options, pipeline))
        click.echo(_describe_ending(EndedRun(options["env"], options["params"], outputs), pipeline))


def _describe_ending(run: EndedRun, pipeline: Pipeline) -> str:
    """Return the summary of a run and what one may type next, as declared beside the last of its pipelines."""
    endings = {ending.summary: ending for ending in find_endings()}
    made = [output for node in pipeline.nodes for output in node.outputs if output in run.outputs]
    last = next((endings[name] for name in reversed(made) if name in endings), None)
    if last is None:
        return f"Done: made {', '.join(sorted(run.outputs)) or 'nothing new'}."
    return f"{run.outputs[last.summary].load()}\n{last.next_steps(run)}"


def _options() -> list[click.Parameter]:
    """Those of Kedro's own command, but for how `--params` is read."""
    options = [copy.copy(option) for option in kedro_run.params]
    for option in options:
        if option.name == "params":
            option.callback = split_params
    return options


run = click.Command(
    name="run",
    callback=_run,
    params=[
        *_options(),
        click.Option(["--traceback"], is_flag=True, help="Show the whole traceback of an error, for developers."),
    ],
    help="Run the pipeline: raw months to trips, features, model, metrics, plots, and a release past the gate.",
    epilog=_EXAMPLES,
)
