"""Raw months -> checked, cleaned trips -> features, as Ibis expressions that run on any engine."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.data_engineering.feature_table import compute_features
from ride_duration.pipelines.data_engineering.quality import plot_quality, report_quality, summarise_quality
from ride_duration.pipelines.data_engineering.rules import check_records, clean_trips, quarantine_trips
from ride_duration.pipelines.data_engineering.trip_records import read_records
from ride_duration.pipelines.declarations import EndedRun, Ending


def _say_next_steps(run: EndedRun) -> str:
    return f"Next: `kedro run{run.env_option} --pipelines=data_science` with the same --params, to train on them."


ENDING = Ending("quality_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Check every raw record, keep the good ones as trips, and compute their features."""
    return Pipeline(
        [
            node(read_records, ["raw_trips@table", "params:raw_months"], "trip_records", name="read_records"),
            node(check_records, "trip_records", "checked_records", name="check_records"),
            node(report_quality, ["checked_records", "incident_days"], "quality_report", name="report_quality"),
            node(quarantine_trips, "checked_records", "rejected_trips", name="quarantine_trips"),
            node(clean_trips, "checked_records", "trips", name="clean_trips"),
            node(compute_features, "trips", "features", name="compute_features"),
            node(
                summarise_quality, ["quality_report", "params:raw_months"], "quality_summary", name="summarise_quality"
            ),
            node(plot_quality, ["quality_report", "params:raw_months"], "quality_plot", name="plot_quality"),
        ],
        namespace="data_engineering",
        parameters={"params:raw_months"},
        inputs={"raw_trips@table", "incident_days"},
        outputs={"rejected_trips", "trips", "features", "quality_report", "quality_summary", "quality_plot"},
        prefix_datasets_with_namespace=False,
    )
