"""The notebooks: they run from top to bottom in a finished project, say what they should, and carry no outputs."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests.conftest import REPOSITORY, Project

NOTEBOOKS = REPOSITORY / "notebooks"
NAMES = ("01_explore_trips", "02_compare_models")

#: Runs after the last cell of a notebook and prints what only its variables hold.
PROBES = {
    "01_explore_trips": "print(__import__('json').dumps({'rows': len(checked), 'simulated': bool(simulated)}))",
    "02_compare_models": "print(comparison['RMSE after'].to_json())",
}

Executed = Callable[[str], nbformat.NotebookNode]


@pytest.fixture(scope="module")
def executed(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executed]:
    """Executes a notebook as Jupyter does, from `notebooks/` in a copy of a finished project, once each."""
    root = tmp_path_factory.mktemp("notebooks") / "project"
    shutil.copytree(finished.root, root)
    folder = root / "notebooks"
    folder.mkdir(exist_ok=True)
    done: dict[str, nbformat.NotebookNode] = {}

    def execute(name: str) -> nbformat.NotebookNode:
        if name not in done:
            notebook = read(name)
            notebook.cells.append(nbformat.v4.new_code_cell(PROBES[name]))
            resources = {"metadata": {"path": str(folder)}}
            client = nbclient.NotebookClient(notebook, kernel_name="python3", resources=resources, timeout=300)
            done[name] = client.execute()
        return done[name]

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KEDRO_ENV", "test")
        yield execute


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def probed(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    return json.loads("".join(output["text"] for output in notebook.cells[-1].outputs))


def pictures(notebook: nbformat.NotebookNode) -> list[dict[str, Any]]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kind = "application/vnd.plotly.v1+json"
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebooks_carry_no_outputs(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs, cell.id
            assert cell.execution_count is None, cell.id


def test_every_notebook_is_tested() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_name_datasets_and_no_files(name: str) -> None:
    code = "".join(cell.source for cell in read(name).cells if cell.cell_type == "code")
    assert "catalog.load(" in code
    for path in ("data/", "../", "read_parquet", "read_csv", "open("):
        assert path not in code


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_run_and_say_that_their_trips_are_simulated(executed: Executed, name: str) -> None:
    notebook = executed(name)  # raises when a cell errs
    assert "SIMULATED" in printed(notebook)
    assert len(pictures(notebook)) >= 5
    for picture in pictures(notebook):
        assert "simulated" in json.dumps(picture["layout"]["title"])


def test_the_first_explores_the_months_of_the_run(executed: Executed, finished: Project) -> None:
    notebook = executed("01_explore_trips")
    report = json.loads(finished.data("08_reporting/quality_report.json").read_text())
    rows, kept = (sum(month[key] for month in report.values()) for key in ("rows", "kept"))
    assert probed(notebook) == {"rows": rows, "simulated": True}
    assert f"{kept / rows:.1%} lie within 1 to 60 minutes" in printed(notebook)


def test_the_second_puts_the_models_in_the_right_order(executed: Executed, finished: Project) -> None:
    rmse = probed(executed("02_compare_models"))
    assert (
        rmse["mean"]
        > rmse["zone_pair_median"]
        > rmse["linear, distance as recorded"]
        > rmse["linear, distance repaired"]
        > rmse["boosted trees"]
    )
    metrics = json.loads(finished.data("08_reporting/metrics.json").read_text())
    assert rmse["mean"] == pytest.approx(metrics["baselines"]["mean"]["rmse"])
    assert rmse["xgboost of the last run"] == pytest.approx(metrics["val"]["rmse"])


@pytest.mark.parametrize("name", NAMES)
def test_before_the_first_run_they_say_what_to_type(project: Project, tmp_path: Path, name: str) -> None:
    (project.root / "notebooks").mkdir()
    notebook = read(name)
    notebook.cells = [cell for cell in notebook.cells if cell.id == "setup"]
    resources = {"metadata": {"path": str(project.root / "notebooks")}}
    client = nbclient.NotebookClient(notebook, kernel_name="python3", resources=resources, timeout=300)
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="type `kedro run`"):
        client.execute()
