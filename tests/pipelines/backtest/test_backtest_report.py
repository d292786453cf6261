"""The backtest as a picture and as text."""

import json
from typing import Any

import pandas as pd

from ride_duration.pipelines.backtest.backtest_report import plot_backtest, summarise_backtest
from ride_duration.pipelines.backtest.walk_forward import CORRECTED
from ride_duration.pipelines.live_level import LevelLimits
from ride_duration.stats.metrics import MOMENTS
from tests.support.backtest import backtest
from tests.support.level import CONFIGURED
from tests.support.models import training

MONTHS = "2021-01..2021-03+2023-01+2023-03"
NEVER, LAST_2 = [5.0, 5.5, 6.0, 7.0], [5.0, 5.25, 5.5, 5.75]
LEARNT_FROM = ["2021-01", "2021-01+2021-02", "2021-02+2021-03", "2021-03+2023-01"]


def metrics(**changed: Any) -> pd.DataFrame:
    """Two policies in four months; without the distance, everything is a minute worse."""
    rows = [
        {"month": month, "policy": policy, "learnt_from": learnt_from, "n": 1_000, "rmse": rmse}
        for position, month in enumerate(("2021-02", "2021-03", "2023-01", "2023-03"))
        for policy, learnt_from, rmse in (
            ("never", "2021-01", NEVER[position]),
            ("last_2", LEARNT_FROM[position], LAST_2[position]),
        )
    ]
    table = pd.DataFrame(rows)
    return table.assign(**{"rmse_without_distance": table["rmse"] + 1} | changed)


def figure(source: str = "tlc", **changed: Any) -> Any:
    """The picture."""
    return plot_backtest(metrics(**changed), backtest(MONTHS, "never+last_2", source), training("xgboost"))


def text(source: str = "tlc", **changed: Any) -> list[str]:
    """The lines of the text."""
    asked = backtest(MONTHS, "never+last_2", source)
    return summarise_backtest(metrics(**changed), asked, training("xgboost")).splitlines()


def test_every_policy_is_a_line_after_and_before_the_ride_that_breaks_where_months_are_left_out() -> None:
    never, last_2, never_before, last_2_before = figure().data
    assert [label if label[0] != "…" else "gap" for label in never.x] == [
        "2021-02",
        "2021-03",
        "gap",
        "2023-01",
        "gap",
        "2023-03",
    ]
    assert len(set(never.x)) == len(never.x)
    assert list(never.y) == [5.0, 5.5, None, 6.0, None, 7.0]
    assert list(last_2.y) == [5.0, 5.25, None, 5.5, None, 5.75]
    assert list(never_before.y) == [6.0, 6.5, None, 7.0, None, 8.0]
    assert list(last_2_before.y) == [6.0, 6.25, None, 6.5, None, 6.75]
    assert not never.connectgaps
    assert (never.name, last_2.name) == ("never retrained", "retrained monthly on the last 2 months")
    assert never.line.color == never_before.line.color != last_2.line.color


def test_a_model_that_needs_the_distance_has_one_panel() -> None:
    drawn = figure(rmse_without_distance=float("nan"))
    assert len(drawn.data) == 2
    moments = [note.text for note in drawn.layout.annotations if note.text in MOMENTS.values()]
    assert moments == ["with metered distance"]


def test_the_picture_says_of_which_model_and_trips_it_is() -> None:
    assert "xgboost" in figure().layout.title.text
    assert f"green TLC trips of {MONTHS};" in figure().layout.title.subtitle.text
    assert f"green simulated trips of {MONTHS};" in figure("simulated").layout.title.subtitle.text
    assert json.loads(figure().to_json())["data"]
    assert figure().to_json() == figure().to_json()


def test_the_text_has_a_line_a_month_the_mean_and_the_retrainings() -> None:
    lines = [line.split() for line in text() if line]
    table = lines[lines.index(["month", "trips", "never", "last_2"]) + 1 :]
    assert table[:8] == [
        ["2021-02", "1,000", "5.00", "/", "6.00", "5.00", "/", "6.00"],
        ["2021-03", "1,000", "5.50", "/", "6.50", "5.25", "/", "6.25"],
        ["..."],
        ["2023-01", "1,000", "6.00", "/", "7.00", "5.50", "/", "6.50"],
        ["..."],
        ["2023-03", "1,000", "7.00", "/", "8.00", "5.75", "/", "6.75"],
        ["mean", "5.88", "/", "6.88", "5.38", "/", "6.38"],
        ["retrainings", "0", "3"],
    ]


def test_the_text_says_what_the_policies_do_and_of_which_trips_it_is() -> None:
    assert "xgboost on green TLC trips" in text()[0]
    assert "simulated" not in " ".join(text())
    assert all("simulated" in line for line in text("simulated")[:2])
    assert [line.split(maxsplit=1)[1] for line in text()[-2:]] == [
        "never retrained",
        "retrained monthly on the last 2 months",
    ]


def test_a_model_that_needs_the_distance_has_dashes() -> None:
    assert any(
        line.split() == ["2021-02", "1,000", "5.00", "/", "-", "5.00", "/", "-"]
        for line in text(rmse_without_distance=float("nan"))
    )


def test_corrected_figures_follow_where_the_level_is_on() -> None:
    asked = backtest(MONTHS, "never+last_2").model_copy(
        update={"score_level": "as_of", "level": LevelLimits(**CONFIGURED["level"])}
    )
    table = metrics()
    for suffix in MOMENTS:
        table[f"rmse{suffix}{CORRECTED}"] = table[f"rmse{suffix}"] - 0.25
    lines = summarise_backtest(table, asked, training("xgboost")).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("The same, corrected by the level"))
    assert "24 h after the drop-off" in lines[start]
    assert lines[start + 1].split() == ["2021-02", "4.75", "/", "5.75", "4.75", "/", "5.75"]
    assert lines[start + 5].split() == ["mean", "5.62", "/", "6.62", "5.12", "/", "6.12"]
    assert not [line for line in text() if "corrected" in line]
