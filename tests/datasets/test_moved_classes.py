"""Models that earlier commits have pickled are read."""

import pickle
from pathlib import Path

import pytest

from ride_duration.datasets import PickleDataset
from ride_duration.pipelines.data_science.duration_model import Origin
from ride_duration.pipelines.data_science.model_choice import ModelChoice

ORIGIN = Origin("a run", "a hash")
CHOICE = ModelChoice(estimator="sklearn.linear_model.Ridge", features="some", distance="required")


@pytest.mark.parametrize(
    ("pickled", "former", "now"),
    [
        (ORIGIN, b"pipelines.data_science.models", b"pipelines.data_science.duration_model"),
        (CHOICE, b"pipelines.parameters.models", b"pipelines.data_science.model_choice"),
    ],
)
def test_a_pickle_of_an_earlier_commit_is_read(tmp_path: Path, pickled: object, former: bytes, now: bytes) -> None:
    written = pickle.dumps(pickled, protocol=0)
    assert now in written
    path = tmp_path / "model.pickle"
    path.write_bytes(written.replace(now, former))
    assert PickleDataset(filepath=str(path)).load() == pickled
