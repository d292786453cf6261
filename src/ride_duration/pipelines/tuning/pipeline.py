"""Training months -> hyper-parameters that do better on folds in the order of time."""

import os

import yaml
from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.data_engineering import pipeline as data_engineering
from ride_duration.pipelines.data_science import pipeline as data_science
from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked
from ride_duration.pipelines.ingestion import pipeline as ingestion
from ride_duration.pipelines.tuning.parameters import Tuning
from ride_duration.pipelines.tuning.search import check_search, tune_model
from ride_duration.pipelines.tuning.tuning_report import (
    plot_tuning_history,
    plot_tuning_slices,
    summarise_tuning,
    write_tuned_entry,
)

TRACKED = Tracked(
    "tuning",
    "tuning of {model} {train_data}",
    ("train_data", "val_data", "test_data"),
    groups=("tuning",),
    search_space=True,
)


def _say_next_steps(run: EndedRun) -> str:
    tuned_model = run.outputs["tuned_model"]
    [name] = yaml.safe_load(tuned_model.load())["models"]
    path = os.path.relpath(tuned_model._describe()["filepath"])
    kept = {key: value for key, value in run.params.items() if key not in {*Tuning.model_fields, "models"}}
    given = ",".join(f"{key}={value}" for key, value in (kept | {"model": name}).items() if not isinstance(value, dict))
    return (
        f"{path} holds {name} from now on.\n"
        f'Next: `kedro run{run.env_option} --params="{given}"` trains with it, and evaluates it on other months.'
    )


ENDING = Ending("tuning_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Look for hyper-parameters of the chosen model on its training months, and write down what was found."""
    features = ingestion.create_months() + data_engineering.create_pipeline()
    return features + data_science.create_splitting() + _create_search()


def _create_search() -> Pipeline:
    searching = ["train_features", "params:training", "params:experiment", "params:tuning", "tuning_study"]
    found = ["tuning_trials", "tuning_result"]
    written = ["tuning_result", "params:training", "params:environment"]
    return Pipeline(
        [
            node(check_search, "params:training", None, name="check_search"),
            node(tune_model, searching, found, name="tune_model", tags=TRACKED.tag),
            node(write_tuned_entry, written, "tuned_model", name="write_tuned_entry"),
            node(plot_tuning_history, found, "tuning_history_plot", name="plot_tuning_history"),
            node(plot_tuning_slices, [*found, "params:training"], "tuning_slices_plot", name="plot_tuning_slices"),
            node(summarise_tuning, ["tuning_result", "params:training"], "tuning_summary", name="summarise_tuning"),
        ],
        namespace="tuning",
        inputs={"train_features", "tuning_study"},
        parameters={"params:training", "params:experiment", "params:tuning", "params:environment"},
        outputs={*found, "tuned_model", "tuning_history_plot", "tuning_slices_plot", "tuning_summary"},
        prefix_datasets_with_namespace=False,
    )
