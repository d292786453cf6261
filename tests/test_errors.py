import pytest

from ride_duration.errors import without_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ana:s/cr@t@db:5432/mlflow, cannot", "postgresql://ana:***@db:5432/mlflow, cannot"),
        ("(postgresql://db/mlflow?user=ana&password=secret&x=1)", "(postgresql://db/mlflow?user=ana&password=***&x=1)"),
        ("https://ana:secret@host:5000/api, http://token@host", "https://host:5000/api, http://host"),
        ("sqlite:///data/mlflow.db, http://host:5000/api", "sqlite:///data/mlflow.db, http://host:5000/api"),
    ],
)
def test_addresses_are_shown_without_passwords(text: str, shown: str) -> None:
    assert without_passwords(text) == shown
