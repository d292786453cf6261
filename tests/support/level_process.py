"""A process to be killed: computes and publishes the level of a model on a simulated clock, as fast as it can."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ride_duration.clock import SimulatedClock, start_clock
from ride_duration.level import STEP
from ride_duration.live_level import LevelPublisher
from ride_duration.store.database import open_reading_engine
from ride_duration.store.levels import LevelRow, load_levels
from tests.support.live_level import SETTINGS, Arrivals, make_rides, to_packages
from tests.support.store.samples import until


def main(store_url: str, model: str, clock: str) -> None:
    """Publish until killed."""
    publisher = LevelPublisher(store_url, model, SimulatedClock(Path(clock)), SETTINGS, 1.0, "killed")
    os.write(1, b"ready\n")
    while True:
        publisher.publish(to_packages(1))


class KilledLevels:
    """Plays a log while processes compute its level, each of which is killed at any moment.

    Args:
        url: Of a store on a simulated clock, with tables.
        folder: For the clock.
        seed: Of rides and kills.
        quarters: Of an hour.
    """

    def __init__(self, url: str, folder: Path, seed: int, quarters: int) -> None:
        self.url, self.model, self._dice = url, f"killed-{seed}", random.Random(seed)
        self._end = begin = 1_614_556_800.0
        self._rides = make_rides(self.model, days=quarters / 96, rides=4 * quarters, seed=seed, late=0.2, begin=begin)
        self._arrivals = Arrivals(url, begin)
        self._path = folder / "clock"
        self._clock = start_clock(self._path, begin)

    def play(self, kills: int, quarters: int) -> None:
        """Let so many processes compute so many quarters of an hour each, the last of which is cut off by a kill."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        for _ in range(kills):
            command = [sys.executable, "-m", "tests.support.level_process", self.url, self.model, str(self._path)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            for _ in range(quarters - 1):
                self._move()
                until(lambda: self.load()[-1:] and self.load()[-1].step == self._end // STEP)
            self._move()
            for _ in range(self._dice.randrange(20_000)):  # at any place of the computation
                pass
            process.kill()
            process.wait()
            process.stdout.close()

    def finish(self) -> None:
        """Compute what the last kill has cut off."""
        self._move()
        publisher = LevelPublisher(self.url, self.model, self._clock, SETTINGS, 1.0, "the last")
        publisher.publish(to_packages(1))
        publisher.close()

    def load(self) -> list[LevelRow]:
        """Return what is published."""
        engine = open_reading_engine(self.url, self._clock.kind)
        rows = [row for row in load_levels(engine, self.model, 1) if row is not None]
        engine.dispose()
        return rows

    def check(self, replay: Callable[..., object]) -> None:
        """Check that a replay of the log gives each row."""
        engine = open_reading_engine(self.url, self._clock.kind)
        replay(engine, self.load())
        engine.dispose()

    def _move(self) -> None:
        self._end += STEP
        self._arrivals.insert(self._end, self._rides)
        self._clock.advance(self._end)


if __name__ == "__main__":
    main(*sys.argv[1:])
