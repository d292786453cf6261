"""Months in the order of time, each evaluated with models of the months before it: what does retraining gain?"""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.backtest.backtest_report import plot_backtest, summarise_backtest
from ride_duration.pipelines.backtest.walk_forward import walk_forward
from ride_duration.pipelines.data_engineering import pipeline as data_engineering
from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked
from ride_duration.pipelines.ingestion import pipeline as ingestion

TRACKED = Tracked(
    "backtest", "backtest of {model} {backtest_data}", ("backtest_data", "backtest_policies"), months="backtest_months"
)


def _say_next_steps(run: EndedRun) -> str:
    return (
        "Next: `make viz` (the chart: choose the pipeline backtest), `make ui` (all runs), other policies:\n"
        f"      `kedro run{run.env_option} --pipelines=backtest --params=backtest_policies=never+last_2`."
    )


ENDING = Ending("backtest_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Walk through the months of `backtest_data` with every policy, and report."""
    features = ingestion.create_months() + data_engineering.create_pipeline()
    return Pipeline(features, parameters={"params:raw_months": "params:backtest_months"}) + _create_walk()


def _create_walk() -> Pipeline:
    chosen = ["params:backtest", "params:training"]
    reported = ["backtest_metrics", *chosen]
    return Pipeline(
        [
            node(walk_forward, ["features", *chosen], "backtest_metrics", name="walk_forward", tags=TRACKED.tag),
            node(plot_backtest, reported, "backtest_plot", name="plot_backtest"),
            node(summarise_backtest, reported, "backtest_summary", name="summarise_backtest"),
        ],
        namespace="backtest",
        inputs={"features"},
        parameters={*chosen},
        outputs={"backtest_metrics", "backtest_plot", "backtest_summary"},
        prefix_datasets_with_namespace=False,
    )
