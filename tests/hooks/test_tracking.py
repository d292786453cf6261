"""Every training run is tracked: what went in, what came out, by which code; failed runs too."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kedro
import pytest

from ride_duration.mlflow_store import EXPERIMENT, flat
from ride_duration.provenance import _user
from tests.conftest import Ended, Project
from tests.support.small_months import with_small_months

#: One worker makes what these tests share.
ARTIFACTS = {
    "parameters.json",
    "metrics.json",
    "slice_metrics.csv",
    "model.pickle",
    "baselines.pickle",
    "interval_model.pickle",
    "metrics_summary.txt",
}
OF_DATA = {"quality_report.json", "raw_fingerprints.json"}
OF_RELEASE = {"gate_report.json", "gate_report.html", "run_summary.txt"}
PLOTS = {
    "feature_importance_plot.json",
    "predicted_plot.json",
    "residual_by_distance_plot.json",
    "residual_by_hour_plot.json",
    "shap_plot.json",
    "plots.html",
}

#: Runs data engineering in the current project, and says whether MLflow was imported.
RUN_DATA_ENGINEERING = """
import sys
from pathlib import Path
from kedro.framework.cli.cli import KedroCLI

try:
    KedroCLI(project_path=Path.cwd()).main(["run", "--env", "test", "--pipelines", "data_engineering"])
except SystemExit as ending:
    print("ended with", ending.code)
print("mlflow imported:", any(name.partition(".")[0] == "mlflow" for name in sys.modules))
"""


def client(project: Project) -> Any:
    """MLflow's view of a project."""
    from mlflow import MlflowClient

    store = f"sqlite:///{project.data('mlflow/mlflow.db')}"
    return MlflowClient(store, registry_uri=store)


def runs(project: Project) -> list[Any]:
    """The tracked runs of a project, last first."""
    mlflow = client(project)
    return list(mlflow.search_runs([mlflow.get_experiment_by_name(EXPERIMENT).experiment_id]))


def artifacts(project: Project, folder: str | None = None) -> set[str]:
    """Names of the last run's artifacts in a folder."""
    return artifacts_of(project, runs(project)[0].info.run_id, folder)


def artifacts_of(project: Project, run_id: str, folder: str | None = None) -> set[str]:
    """Names of a run's artifacts in a folder."""
    found = client(project).list_artifacts(run_id, folder)
    return {Path(entry.path).name for entry in found if not entry.is_dir}


def git(project: Project, *arguments: str) -> str:
    """What git says in a project of the test's own."""
    return subprocess.run(["git", *arguments], cwd=project.root, check=True, capture_output=True, text=True).stdout


def repository(root: Path, finished: Project) -> Project:
    """A project with the data of `finished`, a lock, and a git repository in which everything is committed."""
    project = Project(root)
    shutil.copytree(finished.root / "data", root / "data", dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow"))
    (root / "requirements.lock").write_text("kedro==1.7.0\n")
    (root / ".gitignore").write_text("data/\n")
    git(project, "init", "--quiet")
    git(project, "config", "user.name", "Ada Lovelace")
    git(project, "config", "user.email", "ada@example.com")
    git(project, "add", "--all")
    git(project, "-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "--message", "a project")
    return project


@pytest.fixture(scope="module")
def trained(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository in which a model was trained on features that were already there; to be looked at."""
    project = repository(tmp_path_factory.mktemp("trained") / "project", finished).with_tracking_store()
    ended = project.run("model=random_forest", "--pipelines", "data_science")
    assert ended.code == 0, ended.err
    return project


@pytest.fixture(scope="module")
def failed(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Ended, Ended]:
    """A repository with an uncommitted change, in which training failed, and then did not; to be looked at."""
    project = repository(tmp_path_factory.mktemp("failed") / "project", finished).with_tracking_store()
    (project.root / "requirements.lock").write_text("kedro==1.7.1\n")
    bad = project.run("models.xgboost.hyper_parameters.tree_method=nonsense", "--pipelines", "data_science")
    return project, bad, project.run("model=mean", "--pipelines", "data_science")


def test_a_training_run_is_tracked_as_finished(trained: Project) -> None:
    [run] = runs(trained)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "random_forest 2021-01 -> 2021-02"


def test_what_was_asked_for_is_a_parameter(trained: Project) -> None:
    params = runs(trained)[0].data.params
    assert (
        params.items()
        >= {
            "model": "random_forest",
            "train_data": "2021-01",
            "val_data": "2021-02",
            "test_data": "None",
            "service": "green",
            "source": "simulated",
            "seed": "42",
            "estimator": "sklearn.ensemble.RandomForestRegressor",
            "features": "stateless",
            "distance": "optional",
            "hyper_parameters.n_estimators": "5",
        }.items()
    )


def test_the_metrics_are_those_of_the_metrics_file(trained: Project) -> None:
    tracked = runs(trained)[0].data.metrics
    written = json.loads(trained.data("08_reporting/metrics.json").read_text())
    assert tracked["val.rmse"] == written["val"]["rmse"]
    assert tracked["train.n"] == written["train"]["n"]
    assert tracked["baselines.mean.rmse"] == written["baselines"]["mean"]["rmse"]
    assert tracked["val.rmse_without_distance"] == written["val"]["rmse_without_distance"]
    assert "simulated" not in tracked


def test_tags_say_which_code_ran_and_for_whom(trained: Project) -> None:
    tags = runs(trained)[0].data.tags
    assert (
        tags.items()
        >= {
            "git_commit": git(trained, "rev-parse", "HEAD").strip(),
            "git_dirty": "false",
            "kedro_version": kedro.__version__,
            "kind": "training",
            "pipeline": "data_science",
            "environment": "test",
            "lock_sha256": hashlib.sha256(b"kedro==1.7.0\n").hexdigest(),
            "author": "Ada Lovelace",
        }.items()
    )
    assert "error" not in tags


@pytest.mark.parametrize("which", ["trained", "finished"])
def test_tags_fingerprint_the_raw_months_whether_the_run_made_them_or_not(
    which: str, request: pytest.FixtureRequest
) -> None:
    project = request.getfixturevalue(which)
    manifest = json.loads(project.data("01_raw/simulated/manifest.json").read_text())
    fingerprints = {name: value for name, value in runs(project)[0].data.tags.items() if name.startswith("raw.")}
    assert fingerprints == {
        f"raw.green_tripdata_{month}": f"{entry['sha256']} {entry['rows']}"
        for month in ("2021-01", "2021-02")
        for entry in [manifest[f"green_tripdata_{month}.parquet"]]
    }


def test_model_metrics_and_plots_are_artifacts(trained: Project) -> None:
    assert artifacts(trained) == ARTIFACTS
    assert artifacts(trained, "plots") == PLOTS


def test_a_whole_run_keeps_its_account_of_the_data_and_of_the_release_too(finished: Project) -> None:
    assert artifacts(finished) == ARTIFACTS | OF_DATA | OF_RELEASE
    assert artifacts(finished, "plots") == PLOTS | {"quality_plot.json"}
    assert runs(finished)[0].data.tags["pipeline"] == "__default__"


def test_the_exact_configuration_is_an_artifact(trained: Project, tmp_path: Path) -> None:
    path = client(trained).download_artifacts(runs(trained)[0].info.run_id, "parameters.json", str(tmp_path))
    parameters = json.loads(Path(path).read_text())
    assert parameters["model"] == "random_forest"
    assert parameters["models"]["random_forest"]["hyper_parameters"]["n_estimators"] == 5
    assert parameters["example_ride"]["pickup_zone"] == 132


def test_the_plots_page_needs_no_network(trained: Project, tmp_path: Path) -> None:
    path = client(trained).download_artifacts(runs(trained)[0].info.run_id, "plots/plots.html", str(tmp_path))
    page = Path(path).read_text()
    assert page.count('class="plotly-graph-div"') == 5
    assert "<script src=" not in page


def test_tracking_stays_inside_the_project(trained: Project) -> None:
    experiment = client(trained).get_experiment_by_name(EXPERIMENT)
    assert experiment.artifact_location == str(trained.data("mlflow/artifacts"))
    assert not (trained.root / "mlruns").exists()


def test_a_failed_run_is_tracked_with_its_error(failed: tuple[Project, Ended, Ended]) -> None:
    project, ended, _ = failed
    assert ended.code == 1
    run = runs(project)[-1]
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith("RideDurationError: the model 'xgboost' cannot be fitted")
    assert run.data.params["hyper_parameters.tree_method"] == "nonsense"
    assert run.data.tags["git_dirty"] == "true"
    assert run.data.tags["lock_sha256"] == hashlib.sha256(b"kedro==1.7.1\n").hexdigest()
    assert run.data.metrics == {}


def test_after_a_failed_run_the_next_one_is_a_run_of_its_own(failed: tuple[Project, Ended, Ended]) -> None:
    project, _, after = failed
    assert after.code == 0, after.err
    assert [run.info.status for run in runs(project)] == ["FINISHED", "FAILED"]
    assert "error" not in runs(project)[0].data.tags


def test_data_engineering_alone_imports_no_mlflow_and_tracks_nothing(finished: Project, tmp_path: Path) -> None:
    project = repository(tmp_path / "project", finished)
    ended = subprocess.run(
        [sys.executable, "-c", RUN_DATA_ENGINEERING], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert "ended with 0" in ended.stdout, ended.stderr
    assert "mlflow imported: False" in ended.stdout
    assert not project.data("mlflow").exists()


def test_where_there_is_no_git_the_commit_is_unknown(finished: Project) -> None:
    tags = runs(finished)[0].data.tags
    assert (tags["git_commit"], tags["git_dirty"], tags["lock_sha256"]) == ("unknown", "unknown", "unknown")
    assert tags["author"]


def test_an_author_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_user() -> str:
        raise OSError("no entry for this number")

    monkeypatch.setattr("getpass.getuser", no_user)
    assert _user() == "unknown"


def test_nested_values_are_named_by_their_path() -> None:
    nested = {"val": {"rmse": 5.1, "n": 3, "bias": None}, "simulated": True, "model": "xgboost"}
    assert flat(nested) == {"val.rmse": 5.1, "val.n": 3, "val.bias": None, "simulated": True, "model": "xgboost"}
    assert flat(nested, numbers_only=True) == {"val.rmse": 5.1, "val.n": 3}


def test_without_mlflow_a_run_ends_well_and_says_that_it_is_not_tracked(
    project: Project, finished: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_small_months(project, finished)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else find_spec(name))
    ended = project.run("model=mean")
    assert ended.code == 0, ended.err
    assert any("not tracked" in message and "[tracking]" in message for message in caplog.messages)
    assert not project.data("mlflow").exists()
    assert "Not released: releases are kept in MLflow, and this run is not tracked." in ended.out
