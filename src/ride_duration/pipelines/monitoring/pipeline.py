"""Scored months -> daily sums, drift and incidents -> a verdict with its cause, and a report."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked
from ride_duration.pipelines.monitoring.alerts import describe_alerts
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.drift import measure_drift
from ride_duration.pipelines.monitoring.judgement import judge_window, summarise_verdict
from ride_duration.pipelines.monitoring.plots import plot_monitored_days, plot_monitored_features
from ride_duration.pipelines.monitoring.report import write_report

TAG = "monitoring"

TRACKED = Tracked(TAG, "monitoring of {window}", ("window", "monitored_moment"), months=None)


def _say_next_steps(run: EndedRun) -> str:
    return (
        "The days, slices and features behind this are in data/08_reporting/monitoring_report.html; "
        f"`kedro monitor status{run.env_option}` shows this again."
    )


ENDING = Ending("monitoring_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Judge the answers of the months in `window`, which `batch_scoring` has scored."""
    nodes = [
        node(sum_days, ["scored_trips@table", "params:monitoring"], "daily_sums", name="sum_days"),
        node(
            measure_drift,
            ["scored_trips@table", "registered_packages", "daily_sums", "params:monitoring"],
            "drift_scores",
            name="measure_drift",
        ),
        node(judge_window, ["daily_sums", "drift_scores", "params:monitoring"], "verdict", name="judge_window"),
        node(
            write_report,
            ["verdict", "daily_sums", "drift_scores", "params:monitoring"],
            "monitoring_report",
            name="write_report",
        ),
        node(
            plot_monitored_days,
            ["verdict", "daily_sums", "params:monitoring"],
            "monitored_days_plot",
            name="plot_monitored_days",
        ),
        node(
            plot_monitored_features,
            ["verdict", "drift_scores"],
            "monitored_features_plot",
            name="plot_monitored_features",
        ),
        node(summarise_verdict, "verdict", "monitoring_summary", name="summarise_verdict"),
        node(
            describe_alerts,
            ["verdict", "monitoring_report", "params:monitoring"],
            "alerts",
            name="describe_alerts",
        ),
    ]
    return Pipeline(
        nodes,
        namespace="monitoring",
        inputs={"scored_trips@table", "registered_packages"},
        parameters={"params:monitoring"},
        outputs={
            "daily_sums",
            "drift_scores",
            "verdict",
            "monitoring_report",
            "monitoring_summary",
            "monitored_days_plot",
            "monitored_features_plot",
            "alerts",
        },
        prefix_datasets_with_namespace=False,
        tags=TAG,
    )
