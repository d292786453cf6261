"""Levels are published once a quarter of an hour, from whole sums, and a replay of the log gives the very same."""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from ride_duration.level import STEP, LevelState, replay, sum_steps
from ride_duration.live_level import replay_levels
from ride_duration.store.database import open_reading_engine, open_writing_engine
from ride_duration.store.monitoring import DELAY_EDGES, MARKED, SKEW, IncidentDay, mark_days
from ride_duration.store.monitoring_tables import monitoring_labels
from ride_duration.trips.clock import find_day
from tests.support.level import HOUR, MONDAY, select
from tests.support.live_level import PACKAGES, SETTINGS, Played, find_known, make_rides, to_packages


@pytest.fixture
def play(store_url: str) -> Iterator[Callable[..., Played]]:
    """Begins a play of a model of the test's own."""
    begun: list[Played] = []

    def begin(at: float = MONDAY) -> Played:
        begun.append(Played(store_url, f"model-{uuid4().hex}", at))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def check_replay(played: Played, version: int) -> None:
    """The log alone gives every published row, its state and its factor to the last digit."""
    rows, engine = played.load(version), open_reading_engine(played.url)
    package = PACKAGES[version].to_package()
    for row, state in replay_levels(engine, package, rows, SETTINGS):
        assert (state.factor, state.to_row()) == (row.factor, row.state)
    engine.dispose()


def test_the_live_level_is_the_replayed_one_to_the_last_digit(play: Callable[..., Played]) -> None:
    """The twin: every quarter of an hour, whatever version answered, the factor is that of a replay of the rides."""
    played = play()
    rides, publisher = make_rides(played.model, days=1.0, rides=300), played.open()
    for minute in range(0, 24 * 60 + 1, 15):
        played.move(MONDAY + 60 * minute + 3.0, rides)
        published = publisher.publish(to_packages(1, 2))
        assert published is not None
        assert [row.version for row in published] == [1, 2]
        assert publisher.publish(to_packages(1, 2)) == [], "it is published already"
    for version in (1, 2):
        rows, known = played.load(version), find_known(rides, version)
        known = select(known, known.known_at <= played.clock.at)
        rules = SETTINGS.make_rules(SETTINGS.find_half_life(1.0))
        trace = replay(sum_steps(known), played.clock.at, rules)
        expected = trace.find_factors(np.array([row.step * STEP for row in rows]))
        assert [row.factor for row in rows] == expected.tolist()
        assert len(rows) == 97
        assert sum(row.rides for row in rows) == len(known.known_at)
        assert 0 < sum(row.rescored for row in rows) < len(known.known_at)
        assert abs(rows[-1].factor - (1.15 if version == 1 else 1.28)) < 0.1, "traffic is slower than it learned"
        check_replay(played, version)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_replay_gives_the_factors_that_were_used_whatever_came_late_or_was_killed(
    play: Callable[..., Played], seed: int
) -> None:
    """Records arrive hours late, holders are killed, no process computes for hours, days are marked and count again."""
    played, rng = play(), np.random.default_rng(seed)
    rides, publisher, at = make_rides(played.model, days=1.5, rides=250, seed=seed, late=0.2), played.open(), MONDAY
    marking = open_writing_engine(played.url)
    while at < MONDAY + 40 * HOUR:
        at += float(rng.choice([60.0, 400.0, 900.0, 2_000.0, 9_000.0]))
        played.move(at, rides)
        if rng.random() < 0.3:  # another process, which has to wait until the lease has run out
            publisher = played.open()
        publisher.publish(to_packages(1))
        if rng.random() < 0.2:
            day = find_day(at)
            marks = [IncidentDay(day, MARKED, "", at, "ada")] if rng.random() < 0.5 else []
            mark_days(marking, played.model, day, day, marks)
    marking.dispose()
    rows = played.load()
    assert len(rows) > 10
    assert any(row.incidents for row in rows)
    assert len({row.holder for row in rows}) > 1
    assert len({row.step for row in rows}) == len(rows)
    check_replay(played, 1)


def test_a_new_version_begins_with_all_labelled_rides(play: Callable[..., Played]) -> None:
    """It has answered none of them: they are scored again, raw, and its level is that of a line that began earlier."""
    played = play()
    rides = make_rides(played.model, days=1.0, rides=300)
    played.move(MONDAY + 24 * HOUR, rides)
    PACKAGES[2].asked = 0
    [row] = played.open().publish(to_packages(2)) or []
    assert row.rides == sum(MONDAY <= at <= played.clock.at for at in find_known(rides, 2).known_at)
    assert PACKAGES[2].asked == row.rescored > 0.6 * row.rides
    assert row.factor > 1.1
    check_replay(played, 2)


def test_a_ride_that_became_known_counts_once(play: Callable[..., Played]) -> None:
    played = play()
    [ride] = make_rides(played.model, rides=1)
    publisher = played.open()
    publisher.publish(to_packages(1))
    corrected = replace(ride.report, actual_id="b", received_at=ride.report.received_at + 2 * HOUR, duration=50.0)
    answered = replace(ride.prediction, prediction_id="q")
    second = ride._replace(
        answered_at=ride.reported_at + HOUR,
        reported_at=ride.reported_at + 2 * HOUR,
        prediction=answered,
        report=corrected,
    )
    counted = []
    for hours in (0.0, 1.0, 2.0, 3.0):
        played.move(ride.reported_at + hours * HOUR, [ride, second])
        counted += [row.rides for row in publisher.publish(to_packages(1)) or []]
    assert counted == [1, 0, 0, 0]
    check_replay(played, 1)


def test_an_incident_freezes_the_level_and_its_rides_never_enter(play: Callable[..., Played]) -> None:
    played = play()
    rides, publisher = make_rides(played.model, days=3.0, rides=600), played.open()
    played.move(MONDAY + 20 * HOUR, rides)
    publisher.publish(to_packages(1))
    before = played.load()[-1]
    marking = open_writing_engine(played.url)
    days = ["2021-03-01", "2021-03-02"]
    for day in days:
        mark_days(marking, played.model, day, day, [IncidentDay(day, MARKED, "", 1.0, "ada")])
    played.move(MONDAY + 40 * HOUR, rides)  # in the evening of 2 March, New York
    publisher.publish(to_packages(1))
    frozen = played.load()[-1]
    assert (frozen.frozen, frozen.factor, frozen.rides, frozen.incidents) == (True, before.factor, 0, days)
    played.move(MONDAY + 60 * HOUR, rides)
    publisher.publish(to_packages(1))
    released = played.load()[-1]
    assert not released.frozen
    assert released.factor != frozen.factor
    skew = [IncidentDay("2021-03-03", SKEW, "", 1.0, "monitoring")]
    mark_days(marking, played.model, "2021-03-03", "2021-03-03", skew)
    marking.dispose()
    played.move(MONDAY + 61 * HOUR, rides)
    publisher.publish(to_packages(1))
    assert not played.load()[-1].frozen, "answers were at fault, and not durations"
    check_replay(played, 1)


def test_one_process_computes_and_another_takes_over(play: Callable[..., Played]) -> None:
    played = play()
    rides, first, second = make_rides(played.model, rides=50), played.open(), played.open()
    assert first.publish(to_packages(1))
    assert second.publish(to_packages(1)) is None
    played.move(MONDAY + 910.0, rides)  # the first one was killed: its lease has run out
    assert [row.holder for row in second.publish(to_packages(1)) or []] == [second.holder]
    assert first.publish(to_packages(1)) is None
    second.close()
    assert first.publish(to_packages(1)) == [], "the quarter of an hour is published"
    assert [row.step for row in played.load()] == [MONDAY // STEP, MONDAY // STEP + 1]


@pytest.mark.parametrize("damage", ["factor = 1.2", "state = '{}'", "state = 'x'"])
def test_a_damaged_row_begins_a_new_line(play: Callable[..., Played], damage: str) -> None:
    played = play()
    rides, publisher = make_rides(played.model, days=1.0, rides=300), played.open()
    played.move(MONDAY + 20 * HOUR, rides)
    publisher.publish(to_packages(1))
    [sound] = played.load()
    engine = open_writing_engine(played.url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE levels SET {damage}"))
    engine.dispose()
    publisher.publish(to_packages(1))
    played.move(MONDAY + 20 * HOUR + STEP, rides)
    [row] = publisher.publish(to_packages(1)) or []
    assert row.began_at == played.clock.at
    assert abs(row.factor / sound.factor - 1) < 0.03, "it has learned from the same rides"
    assert LevelState.from_row(row.state).factor == row.factor


def test_the_half_life_follows_the_delay_that_the_monitoring_has_found(play: Callable[..., Played]) -> None:
    played = play(MONDAY + 20 * HOUR)
    publisher = played.open()
    assert [row.half_life for row in publisher.publish(to_packages(1)) or []] == [12 * HOUR], "as it is configured"
    delays = [0] * (len(DELAY_EDGES) + 1)
    delays[3], delays[int(np.searchsorted(DELAY_EDGES, 24 * HOUR))] = 40, 60
    row = {"model": played.model, "day": "2021-02-27", "rides": 100, "labelled": 100, "out_of_range": 0, "reports": 100}
    row |= {"doubled": 0, "corrected": 0, "delays": json.dumps(delays), "hours": "[]", "state": "final"}
    engine = open_writing_engine(played.url)
    with engine.begin() as connection:
        connection.execute(monitoring_labels.insert().values(row | {"computed_at": 1.0}))
    engine.dispose()
    played.move(MONDAY + 21 * HOUR, [])
    assert [row.half_life for row in publisher.publish(to_packages(1)) or []] == [48 * HOUR]
    check_replay(played, 1)
