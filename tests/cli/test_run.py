from ride_duration.cli.run import explain
from ride_duration.errors import RideDurationError


def test_an_error_that_is_its_own_cause_is_explained_once() -> None:
    error = RideDurationError("the month is not parquet")
    wrapped = ValueError("while loading")
    wrapped.__cause__, error.__cause__ = error, wrapped
    assert explain(wrapped) == "the month is not parquet"
