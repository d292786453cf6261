"""The controller of a rollout: a real store and real packages, and a clock of the test's own."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from ride_duration.clock import ClockKind
from ride_duration.errors import DecisionRefused, RegistryUnavailable, RideDurationError
from ride_duration.model_package.files import write_folder
from ride_duration.registry.reader import Released
from ride_duration.rollout.plan import parse_plan
from ride_duration.serving.control.package_cache import PackageCache
from ride_duration.serving.control.reconciler import Reconciler
from ride_duration.serving.control.registry_process import TIMEOUT_SECONDS
from ride_duration.serving.control.rollout_controller import MAX_UNWATCHED_SECONDS, RolloutController
from ride_duration.serving.inference.counters import Counters
from ride_duration.serving.inference.metrics import Metrics
from ride_duration.store import ActualRecord, PredictionRecord
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.log_records import Record
from ride_duration.store.rollouts import Rollout, RolloutEvent, Rollouts, RolloutStatus
from ride_duration.store.variant import Variant
from ride_duration.store.writer.insertion import Insertion
from tests.model_package.tiny import tiny_package
from tests.support.serving.packages import priced
from tests.support.store.samples import PICKUP

PLAN = parse_plan(
    {
        "stages": [
            {"share": "shadow", "days": 7, "predictions": 100, "actuals": 50},
            {"share": 0.5, "days": 1, "predictions": 100},
            {"share": 1.0, "days": 1, "predictions": 100},
        ],
        "limits": {
            "requests": 100,
            "error_rate": 0.01,
            "p99_ms": 50,
            "worse_rmse": 0.01,
            "guard_rides": 100,
            "guard_worse_rmse": 0.25,
        },
    }
)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 4; one file of version 3 was changed, and version 4 needs the distance."""
    folder = tmp_path_factory.mktemp("packages")
    for version in (1, 2, 3):
        write_folder(folder / str(version), tiny_package(2.0 + version))
    write_folder(folder / "4", priced(distance="required"))
    damaged = folder / "3" / "lower.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    return folder


class Reader:
    """A registry's reader."""

    name = "tiny"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.number: int | None = 1
        self.away = self.copies_stall = False

    def champion(self) -> int | None:
        if self.away:
            raise RideDurationError("the registry cannot be reached")
        return self.number

    def mark(self, version: int) -> str:
        return f"models:/{version}"

    def released(self, version: int) -> Released:
        if self.copies_stall:
            raise RegistryUnavailable("the registry cannot be reached")
        return Released(self._folder / str(version), 1e9, {}, self.mark(version))


class City:
    """All instances of a service on one store, with a clock."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self.time = 1_000_000.0
        self.url = f"sqlite:///{folder}/predictions.db"
        self._writing = open_writing_engine(self.url)
        migrate(self._writing)
        self._folder = folder
        self.reader = Reader(packages)
        self.promoted: list[int] = []
        self.refusal: Exception | None = None
        self.meanwhile: int | None = None  # champion by another decision, just before the service asks for its own
        self.rollouts = Rollouts(self.url, "tiny")
        self._closing: list[Callable[[], None]] = [self._writing.dispose, self.rollouts.close]

    def instance(self, name: str = "one") -> "Instance":
        return Instance(self, self._folder / name)

    def opened(self) -> Rollouts:
        rollouts = Rollouts(self.url, "tiny")
        self._closing.append(rollouts.close)
        return rollouts

    def promote(self, rollout: Rollout, _why: str) -> None:
        if self.meanwhile is not None:
            self.reader.number = self.meanwhile
        if self.refusal is not None:
            raise self.refusal
        self.promoted.append(rollout.version)
        self.reader.number = rollout.version

    def begin(self, version: int = 2) -> None:
        self.rollouts.begin(version, 1, 0.0, self.time, "Ana", "better")

    def pass_days(self, days: float) -> None:
        self.time += 86_400 * days

    def week(self, off: float = 0.0) -> None:
        """Seven days with rides that champion and shadow answer."""
        for _ in range(7):
            self.rides("shadow", off)
            self.pass_days(1)

    def rides(self, variant: str, off: float = 0.0, milliseconds: float = 1.0, count: int = 120) -> None:
        """Answers, and with the shadow's those of the champion; each ride takes 20 minutes."""
        records: list[Record] = []
        for i in range(count):
            ride = f"{variant} {self.time} {i}"
            records.append(self._answer(ride, 2, variant, 20 + off + i % 2, milliseconds))
            if variant == "shadow":
                records.append(self._answer(ride, 1, "champion", 20 + 2 * (i % 2), 1.0))
            records.append(ActualRecord(ride, ride, self.time, 20.0))
        Insertion(self._writing).insert(records, lambda record, why: pytest.fail(f"{record}: {why}"))

    def _answer(self, ride: str, version: int, variant: str, duration: float, milliseconds: float) -> PredictionRecord:
        name = f"{ride} {version}"
        pickup = PICKUP + timedelta(days=self.time // 86_400)
        return PredictionRecord(
            name, ride, self.time, pickup, 10, 50, None, duration, 10.0, 30.0, version, variant, milliseconds, "tiny"
        )

    @property
    def rollout(self) -> Rollout:
        last = self.rollouts.last()
        assert last is not None
        return last

    def lose_store(self, *, lost: bool = True) -> None:
        names = ("rollouts", "lost") if lost else ("lost", "rollouts")
        with self._writing.begin() as connection:
            connection.execute(text("ALTER TABLE {} RENAME TO {}".format(*names)))

    def close(self) -> None:
        for close in self._closing:
            close()


class Instance:
    """One process of the service, as far as rollouts go."""

    def __init__(self, city: City, folder: Path) -> None:
        self.counters = Counters()
        self.metrics = Metrics(self.counters)
        self._city = city
        clock = SimpleNamespace(kind=ClockKind.REAL, now=lambda: city.time)
        self.controller = RolloutController(
            PLAN, city.opened(), self.counters, self.metrics, city.promote, clock, lambda: city.time
        )
        self.reconciler = Reconciler(city.reader, PackageCache(folder), self.controller.challenge)  # type: ignore[arg-type]

    def follow(self) -> list[tuple[str, int, float]]:
        """Who answers after a look, some seconds after the one before."""
        self._city.time += 20
        self.controller.follow(self.reconciler)
        return self.variants

    @property
    def variants(self) -> list[tuple[str, int, float]]:
        deployment = self.reconciler.deployment
        assert deployment is not None
        return [(name, model.version, share) for name, model, share in deployment.variants]


@pytest.fixture
def city(tmp_path: Path, packages: Path) -> Iterator[City]:
    city = City(tmp_path, packages)
    yield city
    city.close()


ALONE = [("champion", 1, 1.0)]
SHADOW = [("champion", 1, 1.0), ("shadow", 2, 0.0)]
HALF = [("champion", 1, 0.5), ("challenger", 2, 0.5)]


def test_from_the_shadow_to_champion(city: City) -> None:
    one, two = city.instance("one"), city.instance("two")
    assert one.follow() == ALONE
    assert one.controller.to_report() is None
    city.begin()
    assert one.follow() == two.follow() == SHADOW
    report = one.controller.to_report()
    assert report is not None
    assert (report.stage, report.next) == (
        "shadow",
        "shadow: awaits 7 more days, 100 more predictions, 50 more actuals, joined rides of 7 more days",
    )
    city.rides("shadow")
    assert one.follow() == SHADOW, "seven days have not passed"
    city.week()
    assert one.follow() == HALF
    assert two.follow() == HALF
    assert (len(city.rollout.history), city.rollout.share) == (2, 0.5)
    assert city.rollout.history[-1].not_worse
    city.rides("challenger")
    city.pass_days(1)
    restarted = city.instance("one")
    assert restarted.follow() == [("champion", 1, 0.0), ("challenger", 2, 1.0)]
    city.rides("challenger")
    city.pass_days(1)
    assert two.follow() == restarted.follow() == [("champion", 2, 1.0)]
    assert city.promoted == [2]
    assert [noted.status for noted in city.rollout.history] == ["running"] * 3 + ["promoting", "finished"]
    assert b'ride_duration_rollout_steps_total{kind="finish"} 1.0' in two.metrics.expose()


def test_two_instances_never_step_twice(city: City) -> None:
    one, two = city.instance("one"), city.instance("two")
    city.begin()
    one.follow()
    two.follow()
    stale = two.controller.rollout
    city.week()
    one.follow()
    assert stale is not None
    two.controller._advance(stale, two.reconciler)  # what it read just before the other's step
    assert len(city.rollout.history) == 2
    assert two.follow() == HALF


@pytest.mark.parametrize(
    ("rides", "why"),
    [
        ({"milliseconds": 80.0}, r"99th percentile of its time is 80.0 ms, above 50 ms"),
        ({"off": 5.0}, r"RMSE .* % above the champion's on 120 shared rides; 25 % is allowed before the test looks"),
    ],
)
def test_a_slow_or_worse_challenger_stops_at_once(city: City, rides: dict[str, float], why: str) -> None:
    one = city.instance()
    city.begin()
    one.follow()
    city.rides("shadow", **rides)  # type: ignore[arg-type]
    assert one.follow() == ALONE
    assert city.rollout.status == "rolled back"
    assert re.search(why, city.rollout.history[-1].why)
    assert city.promoted == []


def test_a_challenger_that_is_a_little_worse_is_found_by_the_days(city: City) -> None:
    one = city.instance()
    city.begin()
    one.follow()
    for _ in range(6):
        city.rides("shadow", 1.0)
        city.pass_days(1)
        assert one.follow() == SHADOW
    city.rides("shadow", 1.0)
    assert one.follow() == ALONE
    assert re.search(r"challenger worse by .* % of the RMSE .*; 1 % is allowed", city.rollout.history[-1].why)


def test_a_share_that_an_older_program_began_is_compared_first(city: City) -> None:
    one = city.instance()
    city.begin()
    city.rollouts.change(city.rollout, RolloutEvent(city.time, RolloutStatus.RUNNING, 0.5, "rollout", "shadow is done"))
    city.rides("challenger")
    city.pass_days(1)
    assert one.follow() == HALF
    report = one.controller.to_report()
    assert report is not None
    assert report.next == "50 %: awaits joined rides of 7 more days"


def test_failures_count_over_instances_and_those_of_earlier_rollouts_do_not(city: City) -> None:
    one, two = city.instance("one"), city.instance("two")
    for instance in (one, two):
        instance.counters.count_failed(2, Variant.SHADOW, 500)
    city.begin()
    one.follow()
    two.follow()
    city.rides("shadow")
    assert one.follow() == two.follow() == SHADOW
    one.counters.count_failed(2, Variant.SHADOW)
    assert one.follow() == SHADOW, "one of 121 is less than the limit"
    two.counters.count_failed(2, Variant.SHADOW)
    assert two.follow() == ALONE
    assert "2 of 122 requests failed" in city.rollout.history[-1].why


def test_a_bad_package_ends_the_rollout(city: City) -> None:
    one = city.instance()
    city.begin(3)
    assert one.follow() == ALONE
    assert city.rollout.status == "rolled back"
    assert "version 3 cannot be served" in city.rollout.history[-1].why
    one.follow()
    assert one.reconciler.problem is None


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_challenger_that_answers_the_easier_rides_alone_never_answers(city: City, share: float) -> None:
    one = city.instance()
    city.rollouts.begin(4, 1, share, city.time, "Ana", "begun by an older program")
    assert one.follow() == ALONE
    assert city.rollout.status == "rolled back"
    assert "version 4 needs the distance where version 1 does without" in city.rollout.history[-1].why
    assert one.follow() == ALONE


def test_another_champion_ends_the_rollout(city: City) -> None:
    one = city.instance()
    city.begin()
    one.follow()
    city.reader.number = 3  # and its package is bad, so that version 1 goes on answering
    assert one.follow() == ALONE
    assert "version 3 is champion now" in city.rollout.history[-1].why
    assert city.rollout.status == "overtaken"


def test_a_challenger_that_somebody_made_champion_was_overtaken(city: City) -> None:
    one = city.instance()
    city.begin()
    one.follow()
    city.reader.number = 2
    assert one.follow() == [("champion", 2, 1.0)]
    assert (city.rollout.status, city.promoted) == ("overtaken", [])
    assert "by another decision" in city.rollout.history[-1].why


def test_without_the_registry_the_stage_goes_on(city: City) -> None:
    city.begin()
    city.instance().follow()
    city.reader.away = True
    restarted = city.instance()
    assert restarted.follow() == SHADOW, "from the cache"
    newcomer = city.instance("new")
    newcomer.controller.follow(newcomer.reconciler)
    assert city.rollout.status == "running"


def test_a_registry_that_goes_away_in_between_says_nothing_of_the_challenger(city: City) -> None:
    one = city.instance()
    assert one.follow() == ALONE
    city.begin()
    city.reader.copies_stall = True
    assert one.follow() == ALONE
    assert city.rollout.status == "running"
    city.reader.copies_stall = False
    assert one.follow() == SHADOW


def test_a_problem_that_lasts_is_reported_while_it_is_looked_at_again(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = city.instance()
    city.reader.number = 3
    one.reconciler.reconcile()
    problem = one.reconciler.problem
    assert problem is not None
    assert "version 3 cannot be served" in problem
    seen = []

    def looking(_: object) -> int:
        seen.append((one.reconciler.problem, one.reconciler.reachable))
        return 3

    monkeypatch.setattr(Reader, "champion", looking)
    one.reconciler.reconcile()
    assert seen == [(problem, True)]
    assert one.reconciler.problem == problem


def test_without_the_store_the_last_challenge_goes_on_for_a_while(city: City) -> None:
    one = city.instance()
    city.begin()
    one.follow()
    city.rides("shadow")
    city.lose_store()
    assert one.follow() == SHADOW
    report = one.controller.to_report()
    assert report is not None
    assert "cannot be reached" in report.problem
    city.time += MAX_UNWATCHED_SECONDS + 600
    assert one.follow() == ALONE, "nobody could stop it"
    city.lose_store(lost=False)
    assert one.follow() == SHADOW


def test_stopped_by_somebody(city: City) -> None:
    one = city.instance()
    city.begin()
    one.follow()
    city.rollouts.change(city.rollout, RolloutEvent(city.time, RolloutStatus.STOPPED, 0.0, "Ben", "complaints"))
    assert one.follow() == ALONE
    city.begin()
    assert one.follow() == SHADOW


def last_stage(city: City) -> None:
    """One look more, and the version is to be champion."""
    city.begin()
    city.rollouts.change(city.rollout, RolloutEvent(city.time, RolloutStatus.RUNNING, 1.0, "rollout", "50 % is done"))
    city.rides("challenger")
    city.pass_days(1)


def test_what_the_registry_refuses_is_rolled_back(city: City) -> None:
    one = city.instance()
    last_stage(city)
    city.refusal = DecisionRefused("version 2 was rejected")
    assert one.follow() == ALONE
    assert (city.rollout.status, city.rollout.history[-1].why) == ("rolled back", "version 2 was rejected")


@pytest.mark.parametrize(("champion", "status"), [(2, "finished"), (3, "overtaken")])
def test_a_refusal_after_another_decision_says_nothing_of_the_challenger(
    city: City, champion: int, status: str
) -> None:
    one = city.instance()
    last_stage(city)
    city.meanwhile, city.refusal = champion, DecisionRefused("version 2 cannot be approved")
    one.follow()
    assert (city.rollout.status, city.promoted) == (status, [])
    assert f"version {champion} is champion" in city.rollout.history[-1].why


def test_a_promotion_that_was_cut_short_is_taken_up(city: City) -> None:
    one, two = city.instance("one"), city.instance("two")
    last_stage(city)
    city.refusal = RegistryUnavailable("the registry cannot be reached")
    everything = [("champion", 1, 0.0), ("challenger", 2, 1.0)]
    assert one.follow() == two.follow() == everything
    city.refusal = None
    assert two.follow() == everything, "the first may still be at it"
    city.time += 2 * TIMEOUT_SECONDS + 1
    assert two.follow() == one.follow() == [("champion", 2, 1.0)]
    assert city.promoted == [2]
    assert city.rollout.status == "finished"


def test_a_promotion_that_was_killed_afterwards_is_noted(city: City) -> None:
    one = city.instance()
    last_stage(city)
    event = RolloutEvent(city.time, RolloutStatus.PROMOTING, 1.0, "rollout", "100 % is done")
    city.rollouts.change(city.rollout, event)
    city.reader.number = 2
    assert one.follow() == [("champion", 2, 1.0)]
    assert (city.rollout.status, city.promoted) == ("finished", [])
