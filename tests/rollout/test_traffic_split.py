"""The traffic split."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from ride_duration.rollout.traffic_split import is_in_share

IDS = {
    "numbers": [str(number) for number in range(20_000)],
    "dates": [f"2026-11-{number % 28:02d}-ride-{number:08d}" for number in range(20_000)],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_every_share_gets_its_rides(ids: list[str]) -> None:
    edges = [number / 20 for number in range(21)]
    below = [sum(is_in_share(ride_id, share, "7") for ride_id in ids) for share in edges]
    assert below[0] == 0
    assert below[-1] == len(ids)
    expected = len(ids) / 20
    statistic = sum((more - less - expected) ** 2 / expected for less, more in pairwise(below))
    assert chi2.sf(statistic, 19) > 0.001


def test_another_salt_mixes_the_rides_anew() -> None:
    ids = IDS["numbers"]
    both = sum(is_in_share(ride_id, 0.25, "7") and is_in_share(ride_id, 0.25, "8") for ride_id in ids)
    assert both == pytest.approx(len(ids) / 16, rel=0.1)


@given(st.text(), st.floats(0, 1), st.floats(0, 1), st.text(max_size=20))
def test_a_greater_share_keeps_the_rides_of_a_smaller_one(ride_id: str, one: float, other: float, salt: str) -> None:
    small, great = sorted((one, other))
    assert is_in_share(ride_id, small, salt) <= is_in_share(ride_id, great, salt)
    assert not is_in_share(ride_id, 0, salt)
    assert is_in_share(ride_id, 1, salt)


def test_other_processes_choose_the_same_rides() -> None:
    code = (
        "from ride_duration.rollout.traffic_split import is_in_share\n"
        "print(*(number for number in range(200) if is_in_share(f'ride-{number}', 0.05, '7')))"
    )
    said = {
        subprocess.check_output([sys.executable, "-c", code], text=True, env=os.environ | {"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert said == {" ".join(str(number) for number in range(200) if is_in_share(f"ride-{number}", 0.05, "7")) + "\n"}


def test_a_new_version_of_the_service_moves_no_ride() -> None:
    assert [number for number in range(60) if is_in_share(f"ride-{number}", 0.05, "7")] == [58]
