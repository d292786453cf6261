"""The report of a comparison."""

import json

import numpy as np
import pytest

from ride_duration.rollout.comparison import ComparedRides, build_comparison, compute_differences
from ride_duration.rollout.state_machine import Step


def answered(*parts: tuple[str, float, slice, float], unknown: int = 0, unbelieved: int = 0) -> ComparedRides:
    """Simulated rides: variant, share, which rides, and by how many minutes the variant is wrong besides the noise."""
    generator = np.random.default_rng(21)
    actual = generator.uniform(5, 40, 3_000)
    noise = generator.normal(0, 2, 3_000)
    rides = np.arange(3_000).astype(str)
    day = np.array([f"2021-02-{1 + ride % 14:02}" for ride in range(3_000)])
    columns = []
    for variant, share, which, off in parts:
        duration = (actual + noise + off)[which]
        n = duration.size
        known = np.where(np.arange(n) < unknown, np.nan, actual[which])
        columns.append(
            (
                rides[which],
                np.full(n, variant),
                np.full(n, share),
                day[which],
                duration,
                duration - 3,
                duration + 3,
                known,
                np.arange(n) < unbelieved,
            )
        )
    return ComparedRides(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def test_a_shadow_is_compared_on_the_same_rides() -> None:
    shadowed = (("champion", 0, slice(None), 0.0), ("shadow", 0, slice(1_000, 3_000), 0.7))
    both = answered(*shadowed, unknown=100, unbelieved=40)
    report = build_comparison(both)
    champion, shadow = report["variants"]
    assert (champion["variant"], champion["predicted"], champion["joined"]) == ("champion", 3_000, 2_900)
    assert (shadow["variant"], shadow["predicted"], shadow["joined"]) == ("shadow", 2_000, 1_900)
    assert champion["out_of_range"] == shadow["out_of_range"] == 40
    assert shadow["bias"] - champion["bias"] == pytest.approx(0.7, abs=0.1)
    assert champion["rmse"] == pytest.approx(2, rel=0.1)
    assert champion["coverage"] == pytest.approx(0.866, abs=0.03)
    squared, absolute = report["differences"]
    assert (squared["rides"], squared["days"], squared["champion"], squared["challenger"]) == (
        "the same",
        14,
        1_900,
        1_900,
    )
    assert [(row["loss"], row["measure"]) for row in report["differences"]] == [
        ("squared error", "RMSE"),
        ("absolute error", "MAE"),
    ]
    on_same = both.duration[-1_900:] - both.actual[-1_900:], both.duration[1_100:3_000] - both.actual[1_100:3_000]
    challengers, champions = (float(np.sqrt(np.mean(error**2))) for error in on_same)
    assert squared["estimate"] == pytest.approx(challengers / champions - 1)
    assert squared["verdict"].startswith("challenger worse by")
    assert absolute["verdict"].endswith("of the MAE (" + absolute["verdict"].rpartition("(")[2])
    assert report["verdict"] == squared["verdict"]
    assert report["next"] == "decide, or look again later: looking costs nothing"


def test_traffic_is_compared_within_its_share() -> None:
    rides = answered(
        ("champion", 0, slice(0, 1_000), 9.0),
        ("champion", 0.5, slice(1_000, 2_000), 0.0),
        ("challenger", 0.5, slice(2_000, 3_000), 0.0),
    )
    squared, _ = compute_differences(rides)
    assert (squared.paired, squared.champion, squared.challenger) == (False, 1_000, 1_000)
    assert squared.low < 0 < squared.high


def test_what_is_not_known_is_null_and_the_step_is_told() -> None:
    early = answered(("champion", 0.05, slice(0, 200), 0.0), ("challenger", 0.05, slice(200, 210), 0.0), unknown=10)
    report = build_comparison(early, Step("stay", "5 %: awaits 30 more minutes", None))
    counts = {"variant": "challenger", "predicted": 10, "joined": 0, "out_of_range": 0}
    assert report["variants"][1] == counts | dict.fromkeys(("mae", "rmse", "bias", "coverage"))
    assert report["differences"][0]["low"] is None
    assert report["verdict"] == "too early to say: 0 of 7 days with joined rides"
    assert report["next"] == "stay: 5 %: awaits 30 more minutes"
    json.dumps(report, allow_nan=False)
    assert build_comparison(early)["next"] == "send actual durations: each variant needs joined rides of 7 days"


def test_a_champion_alone_has_no_rival() -> None:
    report = build_comparison(answered(("champion", 0, slice(0, 50), 0.0)))
    assert (report["differences"], report["verdict"]) == ([], "there is no challenger")
    assert "shadow" in report["next"]
