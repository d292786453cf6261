"""A window is judged: the verdict as data, as text and as a page."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ride_duration.errors import NotFound
from ride_duration.model_package.reference import COUNTS, ROWS
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.drift import find_drifted, measure_drift
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.plots import plot_monitored_days, plot_monitored_features
from ride_duration.pipelines.monitoring.report import write_report
from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
from ride_duration.trips.features import FEATURES
from tests.support.monitoring import find_verdict, monitored, partitions, scored_month
from tests.support.packages import package

NO_DRIFT = pd.DataFrame({name: [] for name in ("feature", "beyond", "missing", "missing_in_reference")})
RIDES = 800


def judged(*months: pd.DataFrame, **changed: object) -> dict:
    asked = monitored(**{"window": "2021-03"} | changed)
    return find_verdict(sum_days(partitions(*months), asked), NO_DRIFT, asked)


def test_a_quiet_month_is_ok() -> None:
    verdict = judged(scored_month("2021-03", rides=RIDES))
    assert (verdict["verdict"], verdict["cause"]) == ("ok", "none")
    assert (verdict["version"], verdict["moment"], verdict["first"]) == (1, "at_request_time", "2021-03-01")
    level, low, high = verdict["figures"]["level"]
    assert low < level < high
    assert low < 1.0 < high
    assert len(verdict["missing"]) == 1
    assert "has no reference (released by a former version)" in verdict["missing"][0]


def test_slower_streets_call_for_retraining() -> None:
    verdict = judged(scored_month("2021-03", rides=RIDES, level=1.12))
    assert (verdict["verdict"], verdict["cause"]) == ("retrain", "level")
    assert "kedro run --params=train_data=MONTHS" in verdict["next"]


def test_a_broken_week_is_an_incident_and_names_its_days() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    broken = trips["lpep_pickup_datetime"].dt.day >= 23
    trips.loc[broken, "actual_duration"] *= 1.6
    verdict = judged(scored_month("2021-02", rides=RIDES), trips)
    assert (verdict["verdict"], verdict["cause"]) == ("incident", "data")
    assert verdict["incidents"] == [f"2021-03-{day}" for day in range(23, 32)]


def test_where_the_champion_was_swapped_the_newer_one_is_judged() -> None:
    swapped = scored_month("2021-03", rides=2 * RIDES)
    swapped["model_version"] = np.where(swapped["lpep_pickup_datetime"].dt.day > 10, "2", "1")
    verdict = judged(swapped)
    assert verdict["version"] == 2
    assert verdict["verdict"] == "ok"
    assert "2021-03-18 to 2021-03-31" in verdict["reasons"][0]


def test_a_version_without_answers_at_request_time_is_judged_with_the_distance() -> None:
    later = [name for name in scored_month("2021-03", rides=1).columns if "without" in name or "expected" in name]
    verdict = judged(scored_month("2021-03", rides=RIDES).drop(columns=later))
    assert verdict["moment"] == "with_distance"
    assert "answers at request time: there are none of version 1" in verdict["missing"]
    assert (
        "expected error: the package is not registered here, or has no error model (of a former version)"
        in verdict["missing"]
    )


def test_the_text_says_what_was_found_and_the_page_needs_no_network() -> None:
    asked = monitored(window="2021-03", taxi_type="green", source="simulated")
    sums = sum_days(partitions(scored_month("2021-03", rides=RIDES, level=1.12)), asked)
    verdict = find_verdict(sums, NO_DRIFT, asked)
    text = summarise_verdict(verdict)
    assert text.startswith("Verdict: retrain (cause: level)\nVersion 1 on green taxis, 2021-03-01 to 2021-03-31")
    assert "simulated" in text
    assert "inside the 90 % interval" in text
    page = write_report(verdict, sums, NO_DRIFT.iloc[:0], find_evaluated(sums, asked), asked)
    assert len(page) < 1_500_000
    assert "http" not in page.replace("http-equiv", "")
    assert page.index("retrain") < page.index("<h2>Figures")
    assert page.count("<svg") == 4
    assert "from Queens" in page
    HTMLParser().feed(page)


def scored_by(small_package: object, trips: pd.DataFrame) -> tuple:
    asked = monitored(window="2021-03")
    scored = partitions(trips)
    evaluated = find_evaluated(sum_days(scored, asked), asked)
    return measure_drift(scored, {1: lambda: small_package}, evaluated, asked), asked


def test_other_rides_are_found_feature_by_feature() -> None:
    trips = scored_month("2021-03", rides=200, DOLocationID=1)  # all to Newark Airport
    scores, asked = scored_by(package(), trips)
    assert set(scores["feature"]) >= set(FEATURES)
    assert len(scores) == 3 * scores["feature"].nunique()
    drifted, missing = find_drifted(scores, asked.drift_limits)
    assert {"dropoff_x", "straight_distance"} <= set(drifted)
    newest = scores["first"] == scores["first"].max()
    assert (scores.loc[newest, "separation"] > 0.95).all()
    assert scores.loc[~newest, "separation"].isna().all()
    assert set(missing) <= {"trip_distance", "detour"}, "distances that contradict the zones count as missing"
    assert ((scores["psi"] >= 0.02) | ~scores["beyond"]).all()


def test_the_page_and_the_plots_show_which_features_moved() -> None:
    trips = scored_month("2021-03", rides=200)
    scores, asked = scored_by(package(), trips)
    sums = sum_days(partitions(trips), asked)
    verdict = find_verdict(sums, scores, asked)
    page = write_report(verdict, sums, scores, find_evaluated(sums, asked), asked)
    auc = f"{scores['separation'].max():.2f}"
    assert f"with an AUC of <b>{auc}</b>" in page
    assert f"with an AUC of {auc} (0.5: not at all; 1: always)" in summarise_verdict(verdict)
    assert page.count("<svg") == 4 + 6 + 2  # days, features, answers by hour
    moved = scores[scores["first"] == scores["first"].max()].sort_values(["beyond", "psi"]).iloc[-1]
    drawn = page.index(f"<figcaption>{moved['feature']} (drifted)")
    assert drawn == page.index("<figcaption>", page.index("<h2>Data drift"))
    assert sum(moved["share"]) == pytest.approx(1)
    assert len(moved["share"]) == len(moved["share_in_reference"]) == len(moved["edges"]) + 2
    assert f"{max(moved['share']):.1%} of the window" in page
    figure = plot_monitored_features(verdict, scores)
    assert sorted({name for bars in figure.data for name in bars.y}) == sorted(set(scores["feature"]))
    assert "retrain" not in figure.layout.title.text
    days = plot_monitored_days(verdict, sums, asked)
    assert len(days.data) == 3 * 4
    assert days.data[3].x[-1] == "2021-03-31"
    assert days.data[3].y[-1] == pytest.approx(1.0, abs=0.2)


def test_values_that_are_missing_are_named() -> None:
    scores, asked = scored_by(package(), scored_month("2021-03", rides=200, trip_distance=np.nan))
    drifted, missing = find_drifted(scores, asked.drift_limits)
    assert "trip_distance" in drifted
    assert "trip_distance" in missing


def test_a_package_of_a_former_program_has_no_reference() -> None:
    contents = {name: content for name, content in package().contents.items() if name not in (COUNTS, ROWS)}
    former = type(package())(contents)
    scores, asked = scored_by(former, scored_month("2021-03", rides=20))
    assert scores.empty
    assert find_drifted(scores, asked.drift_limits) == ([], [])


@pytest.mark.parametrize("moment", ["whenever", ""])
def test_moments_are_checked(moment: str) -> None:
    with pytest.raises(ValueError, match="at_request_time"):
        monitored(monitored_moment=moment)


def test_answers_that_were_not_asked_for_are_not_compared() -> None:
    lacking = dict.fromkeys(("predicted_without_distance", "lower_without_distance"), np.nan)
    scores, asked = scored_by(package(), scored_month("2021-03", rides=200, **lacking))
    assert "predicted_without_distance" not in set(scores["feature"])
    assert "predicted" in set(scores["feature"])
    assert "predicted_without_distance" not in find_drifted(scores, asked.drift_limits)[0]


def test_rides_that_the_reference_has_not_either_are_left_out() -> None:
    trips = scored_month("2021-03", rides=200)
    rejected = trips.assign(trip_distance=0.0, actual_duration=0.0)
    both = pd.concat([trips, rejected.assign(ride_id=lambda rows: rows["ride_id"] + "r")], ignore_index=True)
    alone, _ = scored_by(package(), trips)
    together, _ = scored_by(package(), both)
    assert together["psi"].tolist() == alone["psi"].tolist()


def test_a_month_of_another_model_is_not_mixed_with_this_one() -> None:
    ours = scored_month("2021-03", rides=RIDES, model="ride-duration-green-tlc")
    theirs = scored_month("2021-02", rides=RIDES, level=2.0, model="ride-duration-green-simulated")
    sums = sum_days(partitions(theirs, ours), monitored(window="2021-03"))
    assert pd.to_datetime(sums["day"]).min() == pd.Timestamp("2021-03-01")
    with pytest.raises(NotFound, match=r"2021-02 .* has not been scored by ride-duration-green-tlc but by .*simulated"):
        sum_days(partitions(theirs, ours), monitored(window="2021-02"))


@pytest.mark.parametrize("limits", [{"draws": 300}, {"of_them": 4}])
def test_limits_that_never_find_anything_are_refused(limits: dict) -> None:
    with pytest.raises(ValueError, match=r"no p-value can be below|of_them is 4"):
        monitored(drift_limits=monitored().drift_limits.model_dump() | limits)


def test_reasons_for_what_is_not_looked_at_are_true() -> None:
    asked = monitored(window="2021-03")
    trips = scored_month("2021-03", rides=RIDES)
    sums = sum_days(partitions(trips[trips["lpep_pickup_datetime"].dt.day < 20]), asked)
    verdict = find_verdict(sums, NO_DRIFT, asked)
    assert verdict["missing"] == ["drift: no rides in the last 7 days"]
    verdict = find_verdict(sums.assign(state="open"), NO_DRIFT, asked)
    assert "expected error: not one day with 50 labelled rides yet" in verdict["missing"]
    assert not [reason for reason in verdict["missing"] if "former version" in reason]


def test_days_without_answers_at_the_end_are_not_its_last_and_days_to_come_are_named() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    asked = monitored(now=1_616_990_400.0, window="2021-03")  # midnight in New York, 29 March
    sums = sum_days(partitions(trips[trips["lpep_pickup_datetime"].dt.day <= 27]), asked)
    verdict = find_verdict(sums, NO_DRIFT, asked)
    assert (verdict["first"], verdict["last"]) == ("2021-03-01", "2021-03-27")
    assert verdict["incidents"] == ["2021-03-28"]  # over, and not one record; the other days are not over
    assert verdict["missing"][0] == "2021-03-29 to 2021-03-31: these days are not over"


def test_an_exploratory_verdict_says_so() -> None:
    verdict = judged(scored_month("2021-03", rides=RIDES), why_exploratory="its window is not last_28d")
    assert (verdict["official"], verdict["exploratory"]) == (False, "its window is not last_28d")
    assert "Exploratory: its window is not last_28d. Page, metrics and alerts do not" in summarise_verdict(verdict)
    assert "Exploratory" not in summarise_verdict(judged(scored_month("2021-03", rides=RIDES)))


def test_days_that_a_person_has_marked_are_left_out_and_end_an_incident() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    broken = trips["lpep_pickup_datetime"].dt.day >= 29
    trips.loc[broken, "actual_duration"] *= 1.6
    february = scored_month("2021-02", rides=RIDES)
    assert judged(february, trips)["verdict"] == "incident"
    marked = tuple((f"2021-03-{day}", "Ana", "strike") for day in (29, 30, 31))
    verdict = judged(february, trips, marked=marked)
    assert (verdict["verdict"], verdict["incidents"]) == ("ok", [])
    assert verdict["marked"] == ["2021-03-29 to 2021-03-31, 3 days: marked by Ana, strike"]
    assert "Left out:\n  2021-03-29 to 2021-03-31, 3 days: marked by Ana, strike" in summarise_verdict(verdict)
    everything = tuple((f"2021-03-{day:02}", "Ana", "strike") for day in range(1, 32))
    assert judged(february, trips, marked=everything)["verdict"] == "insufficient"
