"""Names on the command line are completed where they are short, and corrected where they are unknown."""

from typing import Any

import click
import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline, node

from ride_duration.cli.selection import chosen_pipeline, complete_names
from tests.conftest import REPOSITORY

NONE: dict[str, Any] = {
    **dict.fromkeys(("from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs", "tags", "pipelines"), ()),
    "pipeline": None,
}


@pytest.fixture(autouse=True, scope="module")
def _project() -> None:
    bootstrap_project(REPOSITORY)


def main_job() -> Pipeline:
    """What `kedro run` runs."""
    return chosen_pipeline(NONE)


@pytest.mark.parametrize("name", ["compute_features", "data_engineering.compute_features"])
@pytest.mark.parametrize("option", ["from_nodes", "to_nodes", "node_names"])
def test_a_node_is_named_as_progress_names_it_or_in_full(option: str, name: str) -> None:
    completed = complete_names(NONE | {option: [name]}, main_job())
    assert completed[option] == ["data_engineering.compute_features"]


def test_progress_shows_the_short_names() -> None:
    assert "compute_features" in {node.short_name for node in main_job().nodes}


def test_every_node_has_a_short_name_of_its_own() -> None:
    for pipeline in pipelines.values():
        names = [node.name.rpartition(".")[2] for node in pipeline.nodes]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from_nodes": ["compute_featurs"]}, "unknown node 'compute_featurs'.*did you mean 'compute_features'"),
        ({"to_outputs": ["metric"]}, "unknown dataset 'metric'.*did you mean 'metrics'"),
        ({"from_inputs": ["raw_trip"]}, "unknown dataset 'raw_trip'.*did you mean 'raw_trips'"),
        ({"tags": ["trainig"]}, "unknown tag 'trainig'.*did you mean 'training'"),
        ({"tags": ["xyz"]}, "unknown tag 'xyz'.*there are: release, training"),
        ({"node_names": ["xyz"]}, "unknown node 'xyz'.*kedro registry describe"),
    ],
)
def test_an_unknown_name_is_corrected(given: dict[str, Any], said: str) -> None:
    with pytest.raises(click.ClickException, match=said):
        complete_names(NONE | given, main_job())


def test_an_unknown_pipeline_is_corrected() -> None:
    with pytest.raises(click.ClickException, match="unknown pipeline 'tunning'; did you mean 'tuning'"):
        chosen_pipeline(NONE | {"pipelines": ["tunning"]})


def test_transcoded_and_plain_names_of_datasets_are_known() -> None:
    given = NONE | {"from_inputs": ["raw_trips", "raw_trips@table"], "to_outputs": ["metrics"]}
    assert complete_names(given, main_job()) == given | {"from_nodes": [], "to_nodes": [], "node_names": []}


def test_a_short_name_of_several_nodes_is_refused() -> None:
    one, other = (Pipeline([node(len, "a", f"{name}_b", name="count")], namespace=name) for name in ("x", "y"))
    with pytest.raises(click.ClickException, match=r"several nodes are called 'count': x\.count, y\.count"):
        complete_names(NONE | {"from_nodes": ["count"]}, one + other)
