"""Kills a writing process in the middle of its work, again and again, and counts what it lost."""

import os
import random
import subprocess
import sys
from pathlib import Path

from ride_duration.store import PredictionLog
from tests.support.store.samples import kept


def kill(store_url: str, folder: Path, times: int, seed: int) -> tuple[set[str], list[str]]:
    """What was acknowledged, and what the database has; each process replays what the last one left, and is killed."""
    randomness = random.Random(seed)
    acknowledged: set[str] = set()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for turn in range(times):
        command = [sys.executable, "-m", "tests.support.store.writer", store_url, str(folder), str(turn)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert process.stdout
        count = randomness.randrange(500, 5000)
        for number in range(count):
            assert process.stdout.readline() == b"%d\n" % number
        process.kill()
        rest = process.stdout.read()  # acknowledged before the kill, and not read yet
        count += rest.count(b"\n")
        process.wait()
        process.stdout.close()
        acknowledged |= {f"{turn}-{number}" for number in range(count)}
    log = PredictionLog(store_url, folder)
    log.close(patience=60.0)
    return acknowledged, kept(store_url)


def assert_none_lost_or_doubled(acknowledged: set[str], found: list[str], times: int) -> None:
    """The last record of each process may have been written and not acknowledged."""
    assert len(found) == len(set(found))
    assert not acknowledged - set(found)
    assert len(set(found) - acknowledged) <= times
