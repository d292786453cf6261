"""Files that several processes change at once: nothing is lost, and nothing is half there."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ride_duration.atomic import lock_folder, write_private
from ride_duration.errors import RideDurationError
from ride_duration.serving.api_keys import add_key, read_keys, remove_key

ADD = """
import sys
from pathlib import Path
from ride_duration.serving.api_keys import add_key
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    add_key(Path(sys.argv[1]), f"{sys.argv[2]}-{number}", ("predict",))
"""
PROCESSES = 10


def test_keys_that_ten_processes_add_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "conf/local/api_keys.json"
    adding = [
        subprocess.Popen([sys.executable, "-c", ADD, str(file), str(number)], stdin=-1, stdout=-1, text=True)
        for number in range(PROCESSES)
    ]
    for process in adding:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in adding:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in adding:
        process.communicate(timeout=60)
        assert process.returncode == 0
    names = {key.name for key in read_keys(file).values()}
    assert names == {f"{process}-{number}" for process in range(PROCESSES) for number in range(5)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [left.name for left in file.parent.iterdir()] == ["api_keys.json"]


def test_a_private_file_stays_private_whatever_was_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    left = tmp_path / ".keys.json.partial"
    left.write_text("half of")
    left.chmod(0o644)
    file.write_text("[]")
    file.chmod(0o644)
    with lock_folder(tmp_path):
        write_private(file, b"whole")
    assert file.read_bytes() == b"whole"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_refused_change_lets_the_next_one_in(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    add_key(file, "dispatch", ("predict",))
    with pytest.raises(RideDurationError, match="already"):
        add_key(file, "dispatch", ("predict",))
    with pytest.raises(RideDurationError, match="there are: dispatch"):
        remove_key(file, "third")
    remove_key(file, "dispatch")
    assert read_keys(file) == {}
