"""Incident days, read for training from the store of the service, which is not made to find out."""

from pathlib import Path
from typing import Any

import pytest
from kedro.io import DatasetError

from ride_duration.datasets import IncidentDaysDataset
from ride_duration.errors import ConfigurationError
from ride_duration.registry import model_name
from ride_duration.store.monitoring import MARKED, SKEW, IncidentDay, mark_days, open_monitoring, replace_incident_days


def dataset(folder: Path, store: str, taxi_type: str = "green", leave_out: Any = True) -> IncidentDaysDataset:
    return IncidentDaysDataset(
        path=str(folder / "data"), serving={"store": store}, taxi_type=taxi_type, source="tlc", leave_out=leave_out
    )


def test_marked_and_found_days_of_one_type_of_taxi_are_read(tmp_path: Path) -> None:
    store_url = f"sqlite:///{tmp_path}/data/predictions.db"
    marked = IncidentDay("2021-01-05", MARKED, "", 1.0, "Ana", "parade")
    found = IncidentDay("2021-01-07", "level", "", 2.0, "monitoring")
    engine = open_monitoring(store_url)
    mark_days(engine, model_name("green", "tlc"), marked.day, marked.day, [marked])
    replace_incident_days(engine, model_name("green", "tlc"), "2021-01-01", "2021-01-31", "monitoring", [found])
    engine.dispose()
    assert dataset(tmp_path, store_url).load() == [marked, found]
    assert dataset(tmp_path, store_url, "yellow").load() == []
    assert dataset(tmp_path, store_url, leave_out=False).load() == []


def test_days_on_which_the_service_alone_was_at_fault_are_trained_on(tmp_path: Path) -> None:
    store_url = f"sqlite:///{tmp_path}/data/predictions.db"
    found = [IncidentDay(f"2021-01-0{number}", kind, "", 2.0, "m") for number, kind in ((7, "level"), (8, SKEW))]
    engine = open_monitoring(store_url)
    replace_incident_days(engine, model_name("green", "tlc"), "2021-01-01", "2021-01-31", "m", found)
    engine.dispose()
    assert [one.day for one in dataset(tmp_path, store_url).load()] == ["2021-01-07"]


def test_a_former_programs_table_is_read_as_it_is(tmp_path: Path) -> None:
    from sqlalchemy import text

    url = f"sqlite:///{tmp_path}/data/predictions.db"
    engine = open_monitoring(url)
    found = IncidentDay("2021-01-07", "level", "", 2.0, "monitoring")
    replace_incident_days(engine, model_name("green", "tlc"), "2021-01-01", "2021-01-31", "monitoring", [found])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE incident_days DROP COLUMN why"))
    engine.dispose()
    assert dataset(tmp_path, url).load() == [found]


def test_a_project_that_never_served_gets_no_store(tmp_path: Path) -> None:
    assert dataset(tmp_path, "sqlite:///data/predictions.db").load() == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_read_is_named_with_the_way_around_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/predictions.db").write_text("not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(DatasetError, match="give --params=leave_out_incident_days=false") as raised:
        dataset(tmp_path, "sqlite:///data/predictions.db").load()
    assert "cannot be read" in str(raised.value)
    assert dataset(tmp_path, "sqlite:///data/predictions.db", leave_out=False).load() == []


def test_anything_but_true_or_false_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must be true or false, not 'maybe'"):
        dataset(tmp_path, "sqlite:///data/predictions.db", leave_out="maybe")
