from pathlib import Path

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.store.instances import take_folder


def test_one_process_at_a_time_has_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ride_duration.store.instances._SECONDS", 0.05)
    own, lock = take_folder(tmp_path, "blue")
    assert own == tmp_path / "blue"
    with pytest.raises(RideDurationError, match=r"another service writes to .*/blue; stop it, or give"):
        take_folder(tmp_path, "blue")
    lock.release()
    take_folder(tmp_path, "blue")[1].release()


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file")
    with pytest.raises(RideDurationError, match=r"the journal's folder .* cannot be used: Not a directory"):
        take_folder(tmp_path / "journal", "blue")


def test_the_dead_are_inherited_and_the_living_are_not(tmp_path: Path) -> None:
    living, life = take_folder(tmp_path, "living")
    (living / "000000000001.journal").write_bytes(b"of the living")
    dead = tmp_path / "dead"
    dead.mkdir()
    for number in (7, 8):
        (dead / f"{number:012d}.journal").write_bytes(b"of the dead %d" % number)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/000000000003.journal").write_bytes(b"own")
    own, lock = take_folder(tmp_path, "own")
    assert {path.name: path.read_bytes() for path in own.glob("*.journal")} == {
        "000000000003.journal": b"own",
        "000000000004.journal": b"of the dead 7",
        "000000000005.journal": b"of the dead 8",
    }
    assert len(list(living.glob("*.journal"))) == 1
    lock.release()
    life.release()
