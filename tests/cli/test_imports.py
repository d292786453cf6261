"""Commands that only read are quick: they import nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ride_duration.registry import model_name
from ride_duration.store.database import migrate, open_writing_engine
from tests.conftest import Project
from tests.support.former_project import open_former_project
from tests.support.verdicts import write_verdict

#: Each takes a tenth of a second to many seconds to import.
HEAVY = {
    *("duckdb", "ibis", "lightgbm", "mlflow", "numpy", "onnxruntime", "optuna", "pandas", "plotly", "pyarrow", "scipy"),
    *("sklearn", "sqlalchemy", "xgboost", "ride_duration.trips.simulation", "ride_duration.pipelines.data_science"),
}
#: Runs a command, and prints what it has imported after what it says.
COMMAND = """
import json, sys
from kedro.framework.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with versions and a rollout, and with the tables of today."""
    project = open_former_project(tmp_path_factory.mktemp("read") / "project")
    url = f"sqlite:///{project.data('serving/predictions.db')}"
    engine = open_writing_engine(url)
    migrate(engine)
    engine.dispose()
    details = dict.fromkeys(("first", "last"), "2021-03-28") | {
        "verdict": "retrain", "cause": "level", "reasons": [], "version": 1, "taxi_type": "green", "simulated": True,
        "moment": "at_request_time", "figures": {"level": [1.2, 1.1, 1.3]}, "incidents": [], "drifted": [],
        "separation": None, "missing": [], "report": "report.html", "next": "train",
    }  # fmt: skip
    write_verdict(url, model_name("green", "simulated"), "retrain", "level", details=details)
    return project


@pytest.mark.parametrize(
    ("command", "says", "needs"),
    [
        ("models list", "awaiting approval", set()),
        ("models history", "decision", set()),
        ("rollout status", "Next: `kedro rollout compare`", {"numpy", "sqlalchemy"}),
        ("runs compare", "passed all 11 checks", set()),
        ("monitor status", "Verdict: retrain (cause: level)", {"sqlalchemy"}),
        ("monitor history", "retrain", {"sqlalchemy"}),
    ],
)
def test_reading_commands_import_nothing_heavy(project: Project, command: str, says: str, needs: set[str]) -> None:
    words = command.split()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert imported & HEAVY == needs


def test_what_is_called_heavy_exists() -> None:
    source = Path(__file__).parents[2] / "src"
    own = {name for name in HEAVY if name.startswith("ride_duration.")}
    assert all((source / name.replace(".", "/")).is_dir() for name in own)
