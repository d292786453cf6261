"""The model card: whose trips, which months, how good, where it fails, with pictures that show without a network."""

import re
import struct
from functools import cache
from typing import Any

import pandas as pd
import pytest

from ride_duration.pipelines.model_release.model_card import card_files, describe_incident_days
from tests.support.evaluation import measured, predictions, sliced, splits
from tests.support.models import fitted_intervals
from tests.support.packages import QUALITY, SIMULATED, package


@cache  # each card comes with three pictures
def card(model: str = "xgboost", **changed: Any) -> str:
    """The card of a small model; of real trips if nothing else is said."""
    return card_of(big_slices(), model, **changed)


def card_of(slices: pd.DataFrame, model: str = "xgboost", **changed: Any) -> str:
    """The card of a small model, with these slices."""
    files = card_files(
        measured(model, **changed),
        slices,
        predictions(model),
        splits()["val_features"],
        fitted_intervals(model).calibration,
        QUALITY,
        [],
    )
    return files["model_card.md"].decode()


def big_slices() -> pd.DataFrame:
    """Slices as if of a hundred times as many trips."""
    return sliced().assign(n=sliced()["n"] * 100)


def test_the_card_names_trips_and_months_and_what_was_judged() -> None:
    text = card(train_data="2020-11..2021-01", test_data="2021-03")
    assert text.startswith("# Model card: xgboost\n")
    assert "green taxis, TLC trip records; rides of 1 to 60 minutes" in text
    assert "trained on 2020-11..2021-01, evaluated on 2021-02 (1,000 trips), and on 2021-03 at last" in text
    assert "simulated" not in text.lower()


def test_incident_days_are_named_as_left_out_or_evaluated_on() -> None:
    january = {"incident_days": [{"day": "2021-01-05", "why": "level", "trips": 2_100}]}
    february = {"incident_days": [{"day": "2021-02-03", "why": "marked by Ana: parade", "trips": 900}]}
    report = {"2021-01": QUALITY["2021-01"] | january, "2021-02": QUALITY["2021-02"] | february}
    assert describe_incident_days(report, ["2021-01-05"]) == [
        "- left out of training as incident days: 2021-01-05 (level); 2,100 trips.",
        "- evaluated on incident days, too, which no figure leaves out: 2021-02-03 (marked by Ana: parade); 900 trips.",
    ]
    assert "incident" not in card()


def test_simulated_numbers_are_called_simulated() -> None:
    text = card_of(big_slices(), **SIMULATED)
    assert "SIMULATED trips of a synthetic city" in text
    assert "## How good it is (simulated)" in text
    assert "Its numbers say nothing of New York" in text


def test_the_figures_are_those_of_the_metrics() -> None:
    metrics = measured()
    assert f"| RMSE | {metrics['val']['rmse']:.3f} | {metrics['val']['rmse_without_distance']:.3f} |" in card()
    assert f"| share inside the interval | {metrics['val']['coverage']:.3f} |" in card()
    for name, scores in metrics["baselines"].items():
        assert f"| RMSE of {name} | {scores['rmse']:.3f} |" in card()


def test_what_a_model_cannot_say_is_said() -> None:
    assert re.search(r"\| RMSE \| [\d.]+ \| n/a \(needs the distance\) \|", card("ridge"))


def test_the_worst_slices_stand_first_and_small_ones_are_left_out() -> None:
    named = re.findall(r"^\| (\w+): (.+?) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+|n/a) \|", card(), re.MULTILINE)
    errors = [max(float(after), float(before) if before != "n/a" else 0) for *_, after, before in named]
    assert len(named) == 8
    assert errors == sorted(errors, reverse=True)
    assert min(int(n.replace(",", "")) for _, _, n, _, _ in named) >= 500
    worst = big_slices().query("split == 'val' and n >= 500")[["rmse", "rmse_without_distance"]].max(axis=None)
    assert errors[0] == pytest.approx(worst, abs=0.005)
    assert not re.search(r"^\| (hour|distance): ", card_of(sliced().assign(n=3)), re.MULTILINE)


def test_answers_before_the_ride_are_not_sliced_by_the_metered_distance() -> None:
    slices = big_slices()
    slices.loc[slices["slice"] == "distance", ["rmse", "coverage"]] = 77.25, 0.5
    rows = [line for line in card_of(slices).splitlines() if line.startswith("| distance: ")]
    assert rows
    assert all(row.split(" | ")[2:4] == ["77.25", "n/a"] and row.endswith(" | 50.0% | n/a |") for row in rows)
    assert "Answers at request time are not sliced by the metered distance" in card()


def test_a_slice_that_is_worst_before_the_ride_alone_is_among_the_worst_with_both_errors() -> None:
    slices = big_slices().assign(rmse=5.0, rmse_without_distance=6.0)
    slices.loc[(slices["slice"] == "hour") & (slices["value"] == "08"), "rmse_without_distance"] = 77.25
    rows = [line for line in card_of(slices).splitlines() if line.startswith("| hour: 08 |")]
    assert [row.split(" | ")[2:4] for row in rows] == [["5.00", "77.25"]]


@pytest.mark.parametrize(
    ("when", "measure"), [("with metered distance", "coverage"), ("at request time", "coverage_without_distance")]
)
def test_slices_whose_intervals_fail_are_named_after_and_before_the_ride(when: str, measure: str) -> None:
    held = big_slices().assign(coverage=0.9, coverage_without_distance=0.9)
    for value, share in (("08", 0.80), ("09", 0.99), ("10", 0.86), ("11", 0.94)):
        held.loc[(held["slice"] == "hour") & (held["value"] == value), measure] = share
    text = card_of(held)
    assert f"- {when}, too few rides: hour 08 (80.0%).\n" in text
    assert f"- {when}, too many rides: hour 09 (99.0%).\n" in text
    assert text.count(": nowhere.\n") == 2


def test_no_more_slices_are_named_than_a_reader_takes_in() -> None:
    text = card_of(big_slices().assign(coverage=0.5))
    assert re.search(r"- with metered distance, too few rides: (\S.+?\(50\.0%\)(, )?){8}and \d+ more\.\n", text)


def test_a_model_that_needs_the_distance_cannot_say_where_it_fails_before_the_ride() -> None:
    slices = big_slices().assign(rmse_without_distance=None, bias_without_distance=None, coverage_without_distance=None)
    text = card_of(slices, "ridge")
    assert "- at request time: n/a (needs the distance).\n" in text
    assert "nan" not in text
    assert "| n/a | " in text
    assert "- with metered distance: no slice is so large.\n" in card_of(sliced().assign(n=3))


def test_every_picture_of_the_card_is_in_the_package_and_is_one() -> None:
    contents = package().contents
    shown = re.findall(r"!\[.+?\]\((.+?)\)", contents["model_card.md"].decode())
    assert len(shown) == 3
    assert {name for name in contents if name.startswith("plots/")} == {*shown}
    for name in shown:
        width, height = struct.unpack(">II", contents[name][16:24])
        assert contents[name].startswith(b"\x89PNG\r\n\x1a\n")
        assert (width, height) == (704, 396)


@pytest.mark.parametrize("model", ["xgboost", "ridge"])
def test_pictures_are_the_same_bytes_each_time(model: str) -> None:
    files = [
        card_files(
            measured(model),
            sliced(),
            predictions(model),
            splits()["val_features"],
            fitted_intervals(model).calibration,
            QUALITY,
            [],
        )
        for _ in range(2)
    ]
    assert files[0] == files[1]


def test_limits_and_uses_are_there() -> None:
    for heading in ("## Data", "## Where it is worst", "## Use", "## Limits"):
        assert f"\n{heading}\n" in card()
