"""Source (synthetic city, TLC) -> raw months."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.ingestion.raw_months import fingerprint_months, source_months


def create_pipeline() -> Pipeline:
    """Make the months asked for that are not there yet, and note what lies there."""
    return Pipeline(
        [
            node(source_months, ["params:raw_months", "params:simulation"], "raw_trips@files", name="source_months"),
            node(
                fingerprint_months,
                ["raw_trips@files", "params:raw_months"],
                "raw_fingerprints",
                name="fingerprint_months",
            ),
        ],
        namespace="ingestion",
        parameters={"params:raw_months", "params:simulation"},
        outputs={"raw_trips@files", "raw_fingerprints"},
        prefix_datasets_with_namespace=False,
    )
