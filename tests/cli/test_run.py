from pathlib import Path

import pytest
from kedro.io import DatasetError
from kedro_datasets.partitions import PartitionedDataset

from ride_duration.cli.errors import explain
from ride_duration.errors import RideDurationError


def test_an_error_that_is_its_own_cause_is_explained_once() -> None:
    error = RideDurationError("the month is not parquet")
    wrapped = ValueError("while loading")
    wrapped.__cause__, error.__cause__ = error, wrapped
    assert explain(wrapped) == "the month is not parquet"


def test_a_summary_of_nothing_scored_says_what_scores(tmp_path: Path) -> None:
    scored = PartitionedDataset(
        path=str(tmp_path), dataset="ride_duration.datasets.FileDataset", filename_suffix="/part-0.parquet"
    )
    with pytest.raises(DatasetError) as told:
        scored.load()
    said = explain(told.value)
    assert said
    assert said.startswith(f"no scored trips lie in {tmp_path}; run `kedro run --pipelines=batch_scoring`")
