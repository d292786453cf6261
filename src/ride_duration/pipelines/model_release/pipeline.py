"""Model -> package -> gate -> registered version -> champion."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked
from ride_duration.pipelines.model_release.gate import gate_package
from ride_duration.pipelines.model_release.gate_page import write_gate_page
from ride_duration.pipelines.model_release.packaging import package_model
from ride_duration.pipelines.model_release.run_summary import (
    answer_ride,
    release_package,
    write_summary,
)

_MADE = ["model", "interval_model", "predictions", "train_features", "val_features"]
_REPORTS = ["metrics", "slice_metrics", "quality_report", "raw_fingerprints"]
_EVALUATING = ["champion_package", "former_champions", "train_features", "val_features", "test_features"]


TRACKED = Tracked("release", "release of {model} {train_data} -> {val_data}", ("train_data", "val_data", "test_data"))


def _say_next_steps(run: EndedRun) -> str:
    serve = f"kedro service start{run.env_option}" if run.env else "make serve"
    more = f"`kedro models list{run.env_option}` (all versions)" if run.env else "`kedro run --env tlc` (real months)"
    return (
        f"Next: `{serve}` (a page that answers rides), `make ui` (all runs), `make viz` (the graph),\n"
        f"      data/08_reporting/gate_report.html (what the gate found), {more}."
    )


ENDING = Ending("run_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Package the model, evaluate the package, release it if it is good, and answer one ride with it."""
    packaging = [*_MADE, *_REPORTS, "params:experiment", "params:packaging"]
    evaluating = [*_EVALUATING, "params:gate", "params:slices"]
    nodes = [
        node(package_model, packaging, "model_package@files", name="package_model"),
        node(gate_package, ["model_package@package", *evaluating], "gate_report", name="gate_package"),
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
        inputs={*_MADE, *_REPORTS, *_EVALUATING, "metrics_summary"},
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
        tags=TRACKED.tag,
    )
