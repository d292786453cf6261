"""The project of an isolated run: it has the recorded parameters, to the letter, and leaves nothing behind."""

import math
import os
import signal
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from ride_duration.errors import RideDurationError
from ride_duration.runs.isolated import check_code, compose_project, temporary_folder
from ride_duration.runs.reproduction import compare_metrics
from ride_duration.settings import CONFIG_LOADER_ARGS
from tests.conftest import REPOSITORY, Project

TRACKING = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}

PARAMETERS = {
    "number": 1e-05,
    "endless": float("inf"),
    "texts": ["1e-5", "null", "on", "2021-01-01", "", "1_000", "a: b # c", "0x10"],
    "models": {"ridge": {"hyper_parameters": {"alpha": 3}}, "empty": {}},
    "nothing": None,
}


def loader(project: Path, environment: str | None) -> OmegaConfigLoader:
    return OmegaConfigLoader(str(project / "conf"), env=environment, **CONFIG_LOADER_ARGS)


def terminated(folders: list[Path]) -> None:
    with temporary_folder() as folder:
        folders.append(folder)
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("environment", [None, "test"])
def test_the_recorded_parameters_stand_alone(tmp_path: Path, project: Project, environment: str | None) -> None:
    local = project.root / "conf/local"
    (local / "parameters.yml").write_text("models: {ridge: {hyper_parameters: {alpha: 4, solver: lsqr}}}\n")
    (local / "globals.yml").write_text("source: mine\ntracking: {uri: http://example.com, more: 1}\n")
    compose_project(tmp_path / "temporary", project.root, local, environment, PARAMETERS, TRACKING)
    configuration = loader(tmp_path / "temporary", environment)
    assert configuration["parameters"] == PARAMETERS
    assert TRACKING.items() <= configuration["globals"]["tracking"].items()
    assert configuration["globals"]["source"] == ("simulated" if environment else "mine")


def test_an_environment_that_is_gone_is_named(tmp_path: Path, project: Project) -> None:
    with pytest.raises(RideDurationError, match="'mine' is not in"):
        compose_project(tmp_path / "temporary", project.root, project.root / "conf/local", "mine", PARAMETERS, TRACKING)


def test_code_from_elsewhere_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match="not the code in"):
        check_code(project.root, tmp_path, "test")


def test_data_outside_the_temporary_project_are_refused(project: Project) -> None:
    catalog = f"trips:\n  type: pandas.ParquetDataset\n  filepath: {project.root}/trips.parquet\n"
    (project.root / "conf/test/catalog.yml").write_text(catalog)
    with pytest.raises(RideDurationError, match="would write trips to"):
        check_code(project.root, REPOSITORY / "src", "test")


def test_sigterm_leaves_no_folder_behind() -> None:
    folders: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        terminated(folders)
    assert [folder.exists() for folder in folders] == [False]


def test_metrics_are_compared_one_by_one() -> None:
    recorded = {"same": 0.1, "missing": 1.0, "other": 2.0, "undefined": math.nan}
    now = {"same": 0.1, "new": 1.0, "other": 2.5, "undefined": math.nan}
    assert compare_metrics(recorded, now)["result"].to_dict() == {
        "missing": "is missing now",
        "new": "was not recorded",
        "other": "differs by 0.5",
        "same": "identical",
        "undefined": "identical",
    }
