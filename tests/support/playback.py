"""Plans of simulations, and a project whose champion they can be played to."""

import json
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from ride_duration.clock import SimulatedClock
from ride_duration.in_use import is_held
from ride_duration.playback.plan import QUIET, Days, PlaybackPlan, Trouble, read_plan
from ride_duration.registry import Registry, model_name
from tests.conftest import Project
from tests.registry.store import Store
from tests.support.serving.packages import priced
from tests.support.store.samples import until

#: A stage that lasts seven days, and one of a day.
ROLLOUT = {
    "stages": [
        {"share": "shadow", "days": 7, "predictions": 100, "actuals": 50},
        {"share": 1.0, "days": 1, "predictions": 100},
    ],
    "limits": {"p99_ms": 60_000, "worse_rmse": None, "guard_worse_rmse": 10.0},
}
_KEPT = {
    "predictions": "SELECT ride_id, asked_at, pickup_at, duration, variant FROM predictions ORDER BY ride_id",
    "actuals": "SELECT ride_id, received_at, dropoff_at FROM actuals ORDER BY ride_id, actual_id",
}


class Theatre(Project):
    """A project with a champion, version 1, and a version 2 that awaits approval."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (root / "conf/simulated/parameters_rollout.yml").write_text(json.dumps({"rollout": ROLLOUT}))
        store = Store(root)
        self.registry: Registry = store.registry(model_name("green", "simulated"))
        for minutes_a_mile, approval in ((3.0, "auto"), (3.1, "manual")):
            _, uri = store.log(priced(minutes_a_mile))
            if store.release(self.registry, approval, uri) == 1:
                self.registry.promote(1, "Ana", "the first")

    def simulate(self, *arguments: str) -> str:
        """What `kedro service simulate` says."""
        return self.succeed("service", "simulate", "--no-monitor", *arguments)

    def succeed(self, *arguments: str) -> str:
        ended = self.kedro(*arguments)
        assert ended.code == 0, ended.err
        return ended.out

    def refused(self, *arguments: str) -> str:
        """The one message of a command that cannot be carried out."""
        ended = self.kedro(*arguments)
        assert (ended.code, ended.err.count("Error:"), "Traceback" in ended.err) == (1, 1, False), ended
        return ended.err

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command in a process of its own, which has begun to send rides."""
        began = self.played
        process = self.start("kedro", "service", "simulate", "--no-monitor", *arguments)
        until(lambda: process.poll() is not None or self.played not in (began, 0), 60)
        return process

    def interrupt(self, sent: signal.Signals, *arguments: str) -> tuple[int, str]:
        """The exit code and the last words of the command, begun afresh and signalled while it sends rides.

        One that had played everything before the signal came is begun again.
        """
        for _ in range(10):
            process = self.begin(*arguments, "--fresh")
            process.send_signal(sent)
            _, said = process.communicate(timeout=300)
            until(lambda: not self.is_serving)
            plan = read_plan(self.data("simulated/simulation.json"))
            assert plan is not None
            if SimulatedClock(self.data("simulated/clock")).now() < plan.ends_at:
                return process.returncode, said
        raise AssertionError("the command ended ten times before it could be interrupted")

    @property
    def played(self) -> int:
        """How many rides have been answered so far."""
        try:
            return len(self.rows("predictions"))
        except sqlite3.OperationalError:  # there is no store yet
            return 0

    @property
    def is_serving(self) -> bool:
        """Whether the service of a simulation runs."""
        return is_held(self.data("simulated/serving/simulation/.lock"))

    def rows(self, table: str) -> list[Any]:
        """What the store has, without ids that are drawn anew."""
        with sqlite3.connect(f"file:{self.data('simulated/predictions.db')}?mode=ro", uri=True) as connection:
            return connection.execute(_KEPT[table]).fetchall()

    @property
    def log(self) -> tuple[list[Any], list[Any]]:
        """What the store has of both kinds."""
        return self.rows("predictions"), self.rows("actuals")


def quiet_plan(
    *,
    start: str = "2021-03-01",
    days: int = 2,
    scenario: str = QUIET,
    strength: float = 0.0,
    rides_per_day: int | None = 200,
    label_delay: float = 86_400.0,
    unreported: float = 0.1,
    step: float = 600.0,
) -> PlaybackPlan:
    """Quiet days, or trouble from the first one on."""
    trouble = None if scenario == QUIET else Trouble(0, None, strength)
    effects = Days(0.04, 0.3, 0.0)
    return PlaybackPlan(start, days, scenario, trouble, effects, 7, rides_per_day, label_delay, unreported, step)
