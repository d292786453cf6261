"""The clock: what was written is read, in any process; it never goes back; nothing else reads the time of day."""

import ast
import errno
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.clock import REAL_CLOCK, ClockKind, SimulatedClock, local_time, open_clock, start_clock
from ride_duration.errors import ConfigurationError
from tests.conftest import REPOSITORY

SOURCES = REPOSITORY / "src/ride_duration"
TIMES = st.floats(min_value=0, max_value=4e9, allow_nan=False)

#: What reads the time of day, by the name that it is called by.
TIME_OF_DAY = {
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "asctime", "clock_gettime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "Timestamp": {"now", "today", "utcnow"},
    "func": {"now", "current_timestamp", "current_date", "localtimestamp", "clock_timestamp"},
}
#: Those of `time` that a given moment makes harmless, and how many arguments that takes.
WITH_A_MOMENT = {"strftime": 2, "localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1}


def readings(source: str) -> list[int]:
    """The lines that read the time of day."""
    tree = ast.parse(source)
    calls = {id(node.func): len(node.args) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
            reads = node.attr in TIME_OF_DAY.get(owner, ())
            given_moment = calls.get(id(node), 0) >= WITH_A_MOMENT.get(node.attr, 99)
            if reads and not (owner == "time" and given_moment):
                lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            lines += [node.lineno for name in node.names if name.name in TIME_OF_DAY["time"]]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "CURRENT_TIME" in node.value:
            lines.append(node.lineno)
    return lines


def test_no_other_module_reads_the_time_of_day() -> None:
    found = {
        str(path.relative_to(SOURCES)): lines
        for path in sorted(SOURCES.rglob("*.py"))
        if (lines := readings(path.read_text()))
    }
    assert list(found) == ["clock.py"], f"use ride_duration.clock, or time.monotonic for durations: {found}"


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "import time\nnow = time.time",
        "from time import time",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\ndate.today()",
        "import time\ntime.strftime('%H')",
        "func.now()",
        "sql = 'SELECT CURRENT_TIMESTAMP'",
    ],
)
def test_a_reading_is_found(source: str) -> None:
    assert readings(source) == [len(source.splitlines())]


def test_durations_and_given_moments_are_no_readings() -> None:
    assert not readings("import time\ntime.monotonic()\ntime.perf_counter()\ntime.sleep(1)\ntime.strftime('%H', at)")


@given(times=st.lists(TIMES, min_size=1, max_size=20))
def test_what_is_written_is_read_by_others_and_never_goes_back(
    tmp_path_factory: pytest.TempPathFactory, times: list[float]
) -> None:
    path = tmp_path_factory.mktemp("clock") / "clock"
    driver = start_clock(path, 0.0)
    reader = SimulatedClock(path)
    shown = 0.0
    for at in times:
        if at < shown:
            with pytest.raises(ValueError, match="cannot be moved"):
                driver.advance(at)
        else:
            driver.advance(at)
            shown = at
        assert reader.now() == driver.now() == SimulatedClock(path).now() == shown
    assert path.read_bytes() == struct.pack("=d", shown)


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1.0])
def test_a_time_that_is_none_moves_nothing(tmp_path: Path, at: float) -> None:
    clock = start_clock(tmp_path / "clock", 5.0)
    with pytest.raises(ValueError, match="cannot be moved"):
        clock.advance(at)
    assert clock.now() == 5.0


DRIVER = """
import sys, time
from pathlib import Path
from ride_duration.clock import SimulatedClock
clock, until = SimulatedClock(Path(sys.argv[1])), time.monotonic() + 0.5
while time.monotonic() < until:
    for at in (1.0, 1.9999999999999998, 1e9 / 3, 1e9 / 3 + 1e-7):
        clock._time[0] = at
"""


def test_another_process_drives_it_and_no_half_of_a_time_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    reader = start_clock(path, 1.0)
    written = {1.0, 1.9999999999999998, 1e9 / 3, 1e9 / 3 + 1e-7}
    seen: set[float] = set()
    with subprocess.Popen([sys.executable, "-c", DRIVER, str(path)]) as driver:
        while driver.poll() is None:
            seen.update(reader.now() for _ in range(10_000))
    assert driver.returncode == 0
    assert seen == written


def test_reading_is_cheap(tmp_path: Path) -> None:
    clock = start_clock(tmp_path / "clock", 1.0)
    best = min(_seconds(clock) for _ in range(5))
    assert best / 10_000 < 5e-6, "a ride takes 150 µs"


def _seconds(clock: SimulatedClock) -> float:
    began = time.perf_counter()
    for _ in range(10_000):
        clock.now()
    return time.perf_counter() - began


def test_a_clock_that_is_started_again_leaves_those_that_were_opened(tmp_path: Path) -> None:
    before = start_clock(tmp_path / "clock", 7.0)
    again = start_clock(tmp_path / "clock", 3.0)
    assert (before.now(), again.now()) == (7.0, 3.0)
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


def test_a_clock_of_somebody_else_is_not_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    start_clock(tmp_path / "clock", 7.0)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigurationError, match=r"Permission denied; .*must be allowed to write it$"):
        open_clock(tmp_path / "clock")


def test_a_file_that_is_no_clock(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"clock cannot be read: No such file.*kedro service simulate --fresh"):
        open_clock(tmp_path / "clock")
    for content in (b"", b"1234567", b"123456789", struct.pack("=d", float("nan"))):
        (tmp_path / "clock").write_bytes(content)
        with pytest.raises(ConfigurationError, match="is not a simulated clock"):
            open_clock(tmp_path / "clock")


def test_the_machines_own_clock() -> None:
    before = time.time()
    assert before <= REAL_CLOCK.now() <= local_time().timestamp() <= time.time()
    assert open_clock(None) is REAL_CLOCK
    assert (REAL_CLOCK.kind, local_time().utcoffset() is None) == (ClockKind.REAL, False)
