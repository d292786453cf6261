from pathlib import Path

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.store.database import name_store
from ride_duration.store.writer.instances import take_folder
from ride_duration.store.writer.segment import instance_in, list_segments

STORE = "postgresql+psycopg://rides@host/rides"


def test_one_process_at_a_time_has_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ride_duration.store.writer.instances._SECONDS", 0.05)
    own, lock = take_folder(tmp_path, "blue", STORE)
    assert own.parent == tmp_path / "blue"
    with pytest.raises(RideDurationError, match=r"another service writes to .*/blue; stop it, or give"):
        take_folder(tmp_path, "blue", STORE)
    lock.release()
    take_folder(tmp_path, "blue", STORE)[1].release()


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file")
    with pytest.raises(RideDurationError, match=r"the journal's folder .* cannot be used: Not a directory"):
        take_folder(tmp_path / "journal", "blue", STORE)


@pytest.mark.parametrize("named", [True, False])
def test_the_dead_are_inherited_and_the_living_are_not(tmp_path: Path, named: bool) -> None:
    living, life = take_folder(tmp_path, "living", STORE)
    (living / "000000000001.journal2").write_bytes(b"of the living")
    store = living.name if named else ""  # programs before did not tell stores apart
    for instance, numbers in {"dead": (7, 8), "own": (3,)}.items():
        (tmp_path / instance / store).mkdir(parents=True)
        for number in numbers:
            (tmp_path / instance / store / f"{number:012d}.journal{2 if named else ''}").write_text(
                f"{instance} {number}"
            )
    own, lock = take_folder(tmp_path, "own", STORE)
    texts = [path.read_text() for path in list_segments(own)]
    assert texts == ["own 3", "dead 7", "dead 8"]
    inherited = ["", ".dead", ".dead"] if named else ["", "", ""]
    assert [instance_in(path) for path in list_segments(own)] == inherited
    assert len(list(living.glob("*.journal2"))) == 1
    assert len(list(tmp_path.glob("**/*.journal*"))) == 4
    lock.release()
    life.release()


def test_what_is_for_another_store_waits_for_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left, lock = take_folder(tmp_path, "blue", f"sqlite:///{tmp_path}/dev.db")
    (left / "000000000001.journal2").write_text("for dev")
    lock.release()
    for instance in ("blue", "green"):
        own, lock = take_folder(tmp_path, instance, STORE)
        assert list(own.iterdir()) == []
        lock.release()
    assert caplog.text.count(f"{left} has records for another store") == 2
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    own, lock = take_folder(moved, "red", f"sqlite:///{moved}/dev.db")
    assert [path.read_text() for path in own.iterdir()] == ["for dev"]
    lock.release()


@pytest.mark.parametrize(
    "same", ["postgresql+psycopg://rides:secret@host/rides", "postgresql+psycopg://host/rides?user=ann&sslmode=require"]
)
def test_who_connects_to_a_store_is_no_part_of_its_name(tmp_path: Path, same: str) -> None:
    assert name_store(same, tmp_path) == name_store(STORE, tmp_path)
    assert name_store(same.replace("host", "other"), tmp_path) != name_store(STORE, tmp_path)
    assert name_store(f"{STORE}?options=-csearch_path=dev", tmp_path) != name_store(STORE, tmp_path)
