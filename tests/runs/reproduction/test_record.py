"""What is read of a tracked run, and which runs cannot be reproduced."""

import json
from pathlib import Path
from typing import Any

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.mlflow_reader import StoredRun
from ride_duration.runs.reproduction.record import read_record
from ride_duration.runs.tracked_runs import TrackedRuns
from tests.registry.store import SETTINGS


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    """A finished run with simulated months."""
    parameters = {"source": "here", "sources": {"here": None, "there": "https://example.com"}}
    (tmp_path / "parameters.json").write_text(json.dumps(parameters))
    tags = {"pipeline": "data_science+data_engineering", "environment": "None", "raw.a": "abc 12"}
    return StoredRun("0123456789abcdef", "FINISHED", 0, str(tmp_path), {}, {"val.rmse": 5.25}, tags)


def test_a_finished_run_is_read(run: StoredRun, tmp_path: Path) -> None:
    record = read_record(run, TrackedRuns(tmp_path / "moved", SETTINGS))
    assert record.raw == {"a": ("abc", 12)}
    assert record.environment is None
    assert (record.commit, record.dirty, record.lock) == ("unknown", None, "unknown")
    assert record.raw_folder == Path("data/01_raw/here")
    assert record.simulated


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "KILLED"}, "is killed; only finished runs"),
        ({"tags": {"pipeline": "tuning", "raw.a": "abc 12"}}, "ran tuning; only runs of data_science"),
        ({"tags": {}}, "no fingerprints"),
        ({"metrics": {}}, "no metrics"),
        ({"artifact_uri": "/nowhere"}, "no readable parameters.json"),
    ],
)
def test_unusable_run_is_named(run: StoredRun, change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match=f"run 01234567 .*{message}"):
        read_record(run._replace(**change), TrackedRuns(tmp_path / "moved", SETTINGS))
