"""Scored months, or the prediction log -> daily sums, drift and incidents -> a verdict with its cause, and a report."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked
from ride_duration.pipelines.monitoring.alerts import describe_alerts
from ride_duration.pipelines.monitoring.conclusion import conclude, resolve_window
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.drift import measure_drift
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.label_coverage import compare_label_coverage
from ride_duration.pipelines.monitoring.label_delays import summarise_labels
from ride_duration.pipelines.monitoring.logged_days import compute_increment
from ride_duration.pipelines.monitoring.logged_evidence import note_day_states, read_logged_evidence
from ride_duration.pipelines.monitoring.plots import plot_monitored_days, plot_monitored_features
from ride_duration.pipelines.monitoring.report import write_report
from ride_duration.pipelines.monitoring.skew import join_probe, probe_skew
from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
from ride_duration.pipelines.monitoring.window_verdict import evaluate_window

TAG = "monitoring"

TRACKED = Tracked(TAG, "monitoring of {window}", ("window", "monitored_moment"), months=None)


#: Parameters that choose the model, or the place where its verdicts are kept.
_CHOICE = {"taxi_type", "source", "serving", "report_folder"}


def _say_next_steps(run: EndedRun) -> str:
    same = " with the same --params" if _CHOICE & run.params.keys() else ""
    return f"`kedro monitor status{run.env_option}`{same} shows this again."


ENDING = Ending("monitoring_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Judge the answers of a window: of months that `batch_scoring` has scored, or of what the service logged."""
    nodes = [
        node(
            resolve_window,
            ["prediction_log", "params:monitoring", "params:given_parameters", "params:environment"],
            "monitored",
            name="resolve_window",
        ),
        node(
            compute_increment,
            ["prediction_log", "registered_packages", "monitored"],
            "logged_days@increment",
            name="compute_increment",
        ),
        node(read_logged_evidence, ["logged_days@rows", "monitored"], "logged_evidence", name="read_logged_evidence"),
        node(note_day_states, "logged_evidence", "day_states", name="note_day_states"),
        node(summarise_labels, ["logged_evidence", "monitored"], "label_reports", name="summarise_labels"),
        node(sum_days, ["scored_trips@months", "monitored", "logged_evidence"], "summed_days", name="sum_days"),
        node(
            compare_label_coverage,
            ["label_reports", "logged_evidence", "summed_days", "monitored"],
            "label_figures",
            name="compare_label_coverage",
        ),
        node(probe_skew, ["logged_evidence", "registered_packages", "monitored"], "probed_answers", name="probe_skew"),
        node(join_probe, ["summed_days", "probed_answers"], ["daily_sums", "skew_probe"], name="join_probe"),
        node(find_evaluated, ["daily_sums", "monitored"], "evaluated", name="find_evaluated"),
        node(
            measure_drift,
            ["scored_trips@months", "registered_packages", "evaluated", "monitored", "logged_evidence"],
            "drift_scores",
            name="measure_drift",
        ),
        node(
            evaluate_window,
            ["daily_sums", "drift_scores", "evaluated", "monitored", "label_figures", "accepted_changes"],
            "verdict",
            name="evaluate_window",
        ),
        node(
            conclude,
            [
                "verdict",
                "daily_sums",
                "drift_scores",
                "evaluated",
                "label_figures",
                "logged_evidence",
                "monitored",
                "params:monitoring",
            ],
            "conclusion",
            name="conclude",
        ),
        node(
            write_report,
            ["verdict", "daily_sums", "drift_scores", "evaluated", "monitored", "label_figures"],
            "monitoring_report",
            name="write_report",
        ),
        node(
            plot_monitored_days,
            ["verdict", "daily_sums", "monitored"],
            "monitored_days_plot",
            name="plot_monitored_days",
        ),
        node(
            plot_monitored_features,
            ["verdict", "drift_scores"],
            "monitored_features_plot",
            name="plot_monitored_features",
        ),
        node(summarise_verdict, ["verdict", "label_figures"], "monitoring_summary", name="summarise_verdict"),
        node(
            describe_alerts,
            ["verdict", "monitoring_report", "monitored"],
            "alerts",
            name="describe_alerts",
        ),
    ]
    return Pipeline(
        nodes,
        namespace="monitoring",
        inputs={"scored_trips@months", "prediction_log", "registered_packages", "accepted_changes"},
        parameters={"params:monitoring", "params:given_parameters", "params:environment"},
        outputs={
            "daily_sums",
            "logged_days@increment",
            "day_states",
            "label_figures",
            "skew_probe",
            "drift_scores",
            "verdict",
            "conclusion",
            "monitoring_report",
            "monitoring_summary",
            "monitored_days_plot",
            "monitored_features_plot",
            "alerts",
        },
        prefix_datasets_with_namespace=False,
        tags=TAG,
    )
