"""What was read, rejected, repaired and flagged."""

from ride_duration.pipelines.data_engineering.quality import plot_quality, report_quality, summarise_quality
from ride_duration.pipelines.data_engineering.rules import check_records
from ride_duration.store.monitoring import IncidentDay
from tests.support.trips import green_records, green_table, raw_months, ride

REPORT = {
    "2021-01": {
        "rows": 5,
        "kept": 3,
        "rejected": {"missing_time": 0, "too_short": 1, "too_long": 1},
        "repaired": {"distance_out_of_range": 1, "distance_implausible": 0},
        "flagged": {"outside_month": 0, "unknown_zone": 1, "repeated": 0},
        "affected": {"rejected": 2, "repaired": 1, "flagged": 1},
    },
    "2021-02": {
        "rows": 1000,
        "kept": 1000,
        "rejected": {"missing_time": 0, "too_short": 0, "too_long": 0},
        "repaired": {"distance_out_of_range": 0, "distance_implausible": 0},
        "flagged": {"outside_month": 1000, "unknown_zone": 0, "repeated": 0},
        "affected": {"rejected": 0, "repaired": 0, "flagged": 1000},
    },
}


def test_the_report_counts_by_month_and_reason_and_repairs_among_the_kept_only() -> None:
    january = green_table([ride(), ride(30), ride(4000, distance=-1), ride(distance=-1), ride(zones=(264, 75))])
    february = green_table([ride(), ride(zones=(264, 75))])
    records = green_records(january).union(green_records(february, "2021-02"))
    report = report_quality(check_records(records))
    assert list(report) == ["2021-01", "2021-02"]
    assert report["2021-01"] == REPORT["2021-01"]
    assert report["2021-02"]["flagged"] == {"outside_month": 2, "unknown_zone": 1, "repeated": 0}
    assert report["2021-02"]["affected"] == {"rejected": 0, "repaired": 0, "flagged": 2}, "each trip once"
    assert report["2021-02"]["rejected"] == {"missing_time": 0, "too_short": 0, "too_long": 0}


def test_incident_days_of_the_months_are_named_with_their_trips() -> None:
    records = check_records(green_records(green_table([ride(), ride(30), ride(zones=(264, 75))])))
    [day] = records.pickup_datetime.date().cast("string").name("day").as_table().distinct().to_pandas()["day"]
    incidents = [
        IncidentDay(day, "marked", "", 1.0, "Ana", "parade"),
        IncidentDay(day, "group", "from Queens", 1.0, "monitoring"),
        IncidentDay("2021-07-01", "level", "", 1.0, "monitoring"),
    ]
    report = report_quality(records, incidents)
    named = [{"day": day, "why": "group (from Queens); marked by Ana: parade", "trips": 2}]
    assert report["2021-01"]["incident_days"] == named
    without = {name: value for name, value in report["2021-01"].items() if name != "incident_days"}
    assert {"2021-01": without} == report_quality(records), "nothing else says so"
    text = summarise_quality(report, raw_months())
    assert f"2 trips on incident days, left out of training and not of evaluation: {day} (group" in text
    assert "incident" not in summarise_quality(REPORT, raw_months())


def test_the_summary_has_a_line_for_every_month() -> None:
    text = summarise_quality(REPORT, raw_months())
    assert text.startswith("Green taxi, TLC trips\n")
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("2021")}
    assert lines["2021-01"].split(maxsplit=3) == ["2021-01", "5", "3", "1 too_short, 1 too_long"]
    assert lines["2021-02"].split() == ["2021-02", "1,000", "1,000", "none"]


def test_simulated_figures_say_so() -> None:
    simulated = raw_months(source="simulated", sources={"simulated": None})
    assert "SIMULATED" in summarise_quality(REPORT, simulated)
    assert "simulated" in plot_quality(REPORT, simulated).layout.title.text
    assert "simulated" not in plot_quality(REPORT, raw_months()).layout.title.text


def test_the_plot_shows_each_reasons_share_of_a_months_rows() -> None:
    january, february = plot_quality(REPORT, raw_months()).data
    assert (january.name, february.name) == ("2021-01", "2021-02")
    shares = dict(zip(january.x, january.y, strict=True))
    assert shares["too_short (rejected)"] == shares["distance_out_of_range (repaired)"] == 0.2
    assert shares["missing_time (rejected)"] == 0
    assert dict(zip(february.x, february.y, strict=True))["outside_month (flagged)"] == 1
