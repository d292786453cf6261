"""Model -> package -> gate -> registered version -> champion."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines import RELEASE_TAG
from ride_duration.pipelines.model_release.gate import gate_package
from ride_duration.pipelines.model_release.packaging import package_model
from ride_duration.pipelines.model_release.run_summary import (
    answer_ride,
    release_package,
    write_gate_page,
    write_summary,
)

_MADE = ["model", "interval_model", "predictions", "train_features", "val_features"]
_REPORTS = ["metrics", "slice_metrics", "quality_report", "raw_fingerprints"]
_JUDGING = ["champion_package", "former_champions", "train_features", "val_features", "test_features"]


def create_pipeline() -> Pipeline:
    """Package the model, judge the package, release it if it is good, and answer one ride with it."""
    packaging = [*_MADE, *_REPORTS, "params:experiment", "params:packaging"]
    judging = [*_JUDGING, "params:gate", "params:slices"]
    nodes = [
        node(package_model, packaging, "model_package@files", name="package_model"),
        node(gate_package, ["model_package@package", *judging], "gate_report", name="gate_package"),
        node(write_gate_page, "gate_report", "gate_page", name="write_gate_page"),
        node(
            release_package, ["gate_report", "gate_page", "params:release"], "release@decision", name="release_package"
        ),
        node(answer_ride, ["model_package@package", "params:example_ride"], "example_answer", name="answer_ride"),
        node(
            write_summary,
            ["metrics_summary", "gate_report", "release@outcome", "example_answer"],
            "run_summary",
            name="write_summary",
        ),
    ]
    return Pipeline(
        nodes,
        namespace="release",
        inputs={*_MADE, *_REPORTS, *_JUDGING, "metrics_summary"},
        parameters={
            "params:experiment",
            "params:packaging",
            "params:gate",
            "params:slices",
            "params:release",
            "params:example_ride",
        },
        outputs={
            "model_package@files",
            "gate_report",
            "gate_page",
            "release@decision",
            "example_answer",
            "run_summary",
        },
        prefix_datasets_with_namespace=False,
        tags=RELEASE_TAG,
    )
