"""A new pipeline is a folder and two files of configuration: no module of the project names it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ride_duration
from tests.conftest import Project
from tests.hooks.test_tracking import artifacts_of, runs

PIPELINE = """
from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.declarations import EndedRun, Ending, Tracked

TRACKED = Tracked("toy", "toy of {toy_rounds} rounds", ("toy_rounds",))
ENDING = Ending("toy_summary", lambda run: f"Next: `kedro run{run.env_option} --pipelines=toy` plays again.")


def play(rounds: int) -> tuple[str, dict[str, int]]:
    return f"The toy played {rounds} rounds.", {"rounds": rounds}


def create_pipeline() -> Pipeline:
    return Pipeline([node(play, "params:toy_rounds", ["toy_summary", "toy_metrics"], name="play", tags="toy")])
"""

CATALOG = """
toy_summary:
  type: ride_duration.datasets.TextDataset
  filepath: data/08_reporting/toy_summary.txt
  metadata: {mlflow: {artifact: true}}

toy_metrics:
  type: ride_duration.datasets.JSONDataset
  filepath: data/08_reporting/toy_metrics.json
  metadata: {mlflow: {metrics: true}}
"""


def test_a_pipeline_of_a_projects_own_is_found_tracked_and_has_its_ending(project: Project) -> None:
    shutil.rmtree(project.root / "src")
    shutil.copytree(
        Path(ride_duration.__file__).parent,
        project.root / "src/ride_duration",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    folder = project.root / "src/ride_duration/pipelines/toy"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "pipeline.py").write_text(PIPELINE)
    (project.root / "conf/base/catalog_toy.yml").write_text(CATALOG)
    (project.root / "conf/base/parameters_toy.yml").write_text("toy_rounds: 3\n")

    ended = subprocess.run(
        [Path(sys.executable).with_name("kedro"), "run", "--env=test", "--pipelines=toy", "--params=toy_rounds=5"],
        check=False,
        cwd=project.root,
        env=os.environ | {"PYTHONPATH": str(project.root / "src")},
        text=True,
        capture_output=True,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip().splitlines()[-2:] == [
        "The toy played 5 rounds.",
        "Next: `kedro run --env test --pipelines=toy` plays again.",
    ]
    [run] = runs(project)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "toy of 5 rounds")
    assert run.data.tags["kind"] == "toy"
    assert run.data.params["toy_rounds"] == "5"
    assert run.data.metrics["rounds"] == 5
    assert "toy_summary.txt" in artifacts_of(project, run.info.run_id)
