"""Features -> split -> baselines and model -> metrics, slices, plots and a summary."""

from kedro.pipeline import Node, Pipeline, node

from ride_duration.pipelines import TRAINING_TAG
from ride_duration.pipelines.data_science.evaluation import compute_metrics, compute_slices, predict_trips
from ride_duration.pipelines.data_science.metrics_summary import summarise_metrics
from ride_duration.pipelines.data_science.plots import (
    plot_feature_importance,
    plot_predicted_against_actual,
    plot_residual_by_distance,
    plot_residual_by_hour,
    plot_shap_values,
)
from ride_duration.pipelines.data_science.splitting import split_features
from ride_duration.pipelines.data_science.training import fit_baselines
from ride_duration.pipelines.data_science.training_provenance import train_intervals, train_model
from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked

_SPLITS = ["train_features", "val_features", "test_features"]
_PLOTS = [
    "predicted_plot",
    "residual_by_hour_plot",
    "residual_by_distance_plot",
    "feature_importance_plot",
    "shap_plot",
]


TRACKED = Tracked(TRAINING_TAG, "{model} {train_data} -> {val_data}", ("train_data", "val_data", "test_data"))


def _say_next_steps(run: EndedRun) -> str:
    return f"Next: `kedro run{run.env_option} --pipelines=model_release` with the same --params, to release it."


ENDING = Ending("metrics_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Train on the training months, evaluate on the validation and test months, and report."""
    return create_splitting() + _baselines() + _training() + _evaluation() + _reporting()


def _create_namespace(
    name: str, nodes: list[Node], *, inputs: list[str], outputs: list[str], tags: str | None = None
) -> Pipeline:
    parameters = {name for name in inputs if name.startswith("params:")}
    return Pipeline(
        nodes,
        namespace=name,
        inputs={*inputs} - parameters,
        parameters=parameters,
        outputs={*outputs},
        prefix_datasets_with_namespace=False,
        tags=tags,
    )


def create_splitting() -> Pipeline:
    """Split the features by month."""
    inputs = ["features", "params:experiment", "quality_report"]
    return _create_namespace(
        "splitting", [node(split_features, inputs, _SPLITS, name="split_features")], inputs=inputs, outputs=_SPLITS
    )


def _baselines() -> Pipeline:
    inputs = ["train_features", "params:training"]
    return _create_namespace(
        "baselines",
        [node(fit_baselines, inputs, "baselines", name="fit_baselines")],
        inputs=inputs,
        outputs=["baselines"],
    )


def _training() -> Pipeline:
    shared = ["train_features", "params:training", "params:experiment", "params:intervals"]
    inputs = [*shared, "params:expected_errors", "tracked_run", "quality_report"]
    nodes = [
        node(train_model, inputs, "model", name="fit_model"),
        node(train_intervals, [*shared, "tracked_run", "quality_report"], "interval_model", name="fit_intervals"),
    ]
    return _create_namespace("training", nodes, inputs=inputs, outputs=["model", "interval_model"], tags=TRACKED.tag)


def _evaluation() -> Pipeline:
    predicting = ["model", "interval_model", "baselines", *_SPLITS]
    nodes = [
        node(predict_trips, predicting, "predictions", name="predict_trips"),
        node(
            compute_metrics, ["predictions", "params:experiment", "params:training"], "metrics", name="compute_metrics"
        ),
        node(
            compute_slices,
            ["predictions", *_SPLITS, "interval_model", "params:slices"],
            "slice_metrics",
            name="compute_slices",
        ),
    ]
    inputs = [*predicting, "params:experiment", "params:training", "params:slices"]
    return _create_namespace("evaluation", nodes, inputs=inputs, outputs=["predictions", "metrics", "slice_metrics"])


def _reporting() -> Pipeline:
    evaluated = ["predictions", "val_features", "params:experiment"]
    predicted, by_hour, by_distance, importance, shap = _PLOTS
    explained = ["model", "val_features", "params:experiment", "params:training"]
    summarised = ["quality_summary", "metrics", "params:experiment"]
    nodes = [
        node(
            plot_predicted_against_actual,
            ["predictions", "params:experiment"],
            predicted,
            name="plot_predicted_against_actual",
        ),
        node(plot_residual_by_hour, evaluated, by_hour, name="plot_residual_by_hour"),
        node(plot_residual_by_distance, evaluated, by_distance, name="plot_residual_by_distance"),
        node(plot_feature_importance, explained, importance, name="plot_feature_importance"),
        node(plot_shap_values, explained, shap, name="plot_shap_values"),
        node(summarise_metrics, summarised, "metrics_summary", name="summarise_metrics"),
    ]
    parameters = ["params:experiment", "params:training"]
    return _create_namespace(
        "reporting",
        nodes,
        inputs=["predictions", "val_features", "model", "quality_summary", "metrics", *parameters],
        outputs=[*_PLOTS, "metrics_summary"],
    )
