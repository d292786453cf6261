"""Source (synthetic city, TLC) -> raw months, and the shapes of the taxi zones."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.ingestion.raw_months import fingerprint_months, source_months
from ride_duration.pipelines.ingestion.zone_outlines import outline_zones, source_zone_shapes


def create_pipeline() -> Pipeline:
    """Make the months asked for that are not there yet, note what lies there, and fetch the shapes of the zones."""
    return create_months() + _create_zone_shapes()


def create_months() -> Pipeline:
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


def _create_zone_shapes() -> Pipeline:
    return Pipeline(
        [
            node(source_zone_shapes, "params:zone_shapes", "zone_archive", name="source_zone_shapes"),
            node(outline_zones, ["zone_archive", "params:zone_shapes"], "zone_shapes", name="outline_zones"),
        ],
        namespace="ingestion",
        parameters={"params:zone_shapes"},
        outputs={"zone_archive", "zone_shapes"},
        prefix_datasets_with_namespace=False,
    )
