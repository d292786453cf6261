"""What is read of a tracked run, and which runs cannot be had again."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.runs.reproduction.record import read_record


@dataclass
class Run:
    """A run as MLflow hands it out."""

    folder: Path
    status: str = "FINISHED"
    metrics: dict[str, float] = field(default_factory=lambda: {"val.rmse": 5.25})
    tags: dict[str, str] = field(
        default_factory=lambda: {"pipeline": "data_science+data_engineering", "environment": "None", "raw.a": "abc 12"}
    )

    @property
    def info(self) -> Any:
        return SimpleNamespace(run_id="0123456789abcdef", status=self.status, artifact_uri=str(self.folder))

    @property
    def data(self) -> Any:
        return SimpleNamespace(tags=self.tags, metrics=self.metrics)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run with simulated months."""
    parameters = {"source": "here", "sources": {"here": None, "there": "https://example.com"}}
    (tmp_path / "parameters.json").write_text(json.dumps(parameters))
    return Run(tmp_path)


def test_a_finished_run_is_read(run: Run, tmp_path: Path) -> None:
    record = read_record(run, tmp_path / "moved")
    assert record.raw == {"a": ("abc", 12)}
    assert record.environment is None
    assert (record.commit, record.dirty, record.lock) == ("unknown", None, "unknown")
    assert record.raw_folder == Path("data/01_raw/here")
    assert record.simulated


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": "KILLED"}, "is killed; only finished runs"),
        ({"tags": {"pipeline": "tuning", "raw.a": "abc 12"}}, "ran tuning; only runs of data_science"),
        ({"tags": {}}, "no fingerprints"),
        ({"metrics": {}}, "no metrics"),
        ({"folder": Path("/nowhere")}, "no readable parameters.json"),
    ],
)
def test_what_cannot_be_had_again_is_told(run: Run, change: dict[str, Any], told: str, tmp_path: Path) -> None:
    for name, value in change.items():
        setattr(run, name, value)
    with pytest.raises(RideDurationError, match=f"run 01234567 .*{told}"):
        read_record(run, tmp_path / "moved")
