"""Scored trips, or rows of the log -> sums of each New York day, by version, variant, moment and slice."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ride_duration.errors import NotFound
from ride_duration.pipelines.batch_scoring.scored_level import select_raw
from ride_duration.pipelines.batch_scoring.scoring import partition_of
from ride_duration.pipelines.monitoring.evidence import AWAITED, DailySums
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.registry import model_name
from ride_duration.store.monitoring import DayState
from ride_duration.store.variant import Variant
from ride_duration.trips.ranges import find_placed_zones, is_out_of_range
from ride_duration.trips.records import DURATION
from ride_duration.trips.zones import read_zones, zone_table

#: The sums, in the order of `DailySums`, after the day.
SUMS = DailySums._fields[1:]

#: Those of them that a package, or a former program, may not tell.
MAY_BE_UNKNOWN = ("expected", "covered", "width")

#: The slice of all rides.
ALL = "all"

#: How the name of the slice of a borough of pick-ups begins.
FROM = "from "

#: Slices of pick-ups in zones without a place: the records are out of range, whether they are reported or not.
UNPLACED = {f"{FROM}Unknown", f"{FROM}no known zone"}

#: What is known of all records of a day, whichever version answered, beside the sums: how many there are, how many
#: reports repeat another one, how many records are out of range (`trips.ranges`), the longest run of whole hours
#: without any, how many have no valid actual duration though their time is over, how many reports there are (of scored
#: months, each record is one), and how many records lack each value of `LACKING`.
CHECKS = ("records", "doubled", "out_of_range", "silent_hours", "unreported", "reports")

#: Values that records may lack, by the name of their count. Of the log the distance is not looked at: it is optional.
LACKING = {"no_pickup_zone": "pick-up zone", "no_dropoff_zone": "drop-off zone", "no_distance": "distance"}

#: When an answer is given: with the metered distance, or at request time without it. For each, the columns of scored
#: trips that hold the answer, its bounds and the squared error to be expected.
MOMENTS = {
    "with_distance": ("predicted_duration", "lower", "upper", "expected_squared_error"),
    "at_request_time": (
        "predicted_without_distance",
        "lower_without_distance",
        "upper_without_distance",
        "expected_squared_error_without_distance",
    ),
}

#: Where parts of the day begin (hours, New York wall clock), and what they are called.
PARTS_OF_DAY = {0: "night (0-6 h)", 6: "morning (6-10 h)", 10: "day (10-16 h)", 16: "evening (16-20 h)", 20: "late"}


def sum_days(
    scored_trips: dict[str, Callable[[], ir.Table]],
    monitoring: Monitoring,
    logged_evidence: LoggedEvidence | None = None,
) -> pd.DataFrame:
    """Sum up every day of the window, of the time before it for comparison, and of the same window a year before.

    Args:
        scored_trips: For each partition, a function that opens it as a table.
        monitoring: Says which window.
        logged_evidence: Of `read_logged_evidence`; not used for scored months.

    Returns:
        One row a day, version, variant, moment and slice: `day`, `version`, `variant`, `moment`, `slice`, `state`
        (`DayState`), the sums of `DailySums`, `AWAITED`, and what was checked of the day's records, `CHECKS` and
        `LACKING`.

    Raises:
        NotFound: A month has not been scored, or nothing was logged.
    """
    if monitoring.is_of_log and logged_evidence is not None:
        return _select_logged_days(logged_evidence, monitoring)
    return _sum_scored_months(scored_trips, monitoring)


def _select_logged_days(logged_evidence: LoggedEvidence, monitoring: Monitoring) -> pd.DataFrame:
    rows, labels, states = logged_evidence.sums.copy(), logged_evidence.labels, logged_evidence.states
    within = rows["day"].between(monitoring.first_day, monitoring.last_day) & (rows["variant"] == Variant.CHAMPION)
    if not within.any():
        days = sorted(states)
        model = model_name(monitoring.taxi_type, monitoring.source)
        known = f"there are predictions from {days[0]} to {days[-1]}" if days else "there are none at all yet"
        raise NotFound(
            f"the service logged no predictions of {model} for rides from {monitoring.first_day} to "
            f"{monitoring.last_day}; {known}: name days with --window, or start the service with the same --env"
        )
    rows["state"] = rows["day"].map({day: str(state) for day, state in states.items()})
    hours = ([hour for hour, (rides, _) in enumerate(row["hours"]) if rides] for row in labels)
    silences = find_silent_hours([row["day"] for row in labels], hours)
    checks = [
        (
            row["day"], row["rides"], row["doubled"], row["out_of_range"], silence,
            np.nan if states[row["day"]] == DayState.OPEN else row["rides"] - row["labelled"], row["reports"],
            row["no_pickup_zone"], row["no_dropoff_zone"], np.nan,
        )
        for row, silence in zip(labels, silences, strict=True)
    ]  # fmt: skip
    counts = [*CHECKS, *LACKING]
    rows = rows.merge(pd.DataFrame(checks, columns=["day", *counts]).astype(dict.fromkeys(counts, float)), on="day")
    rows["day"] = pd.to_datetime(rows["day"])
    kept = ["day", "version", "variant", "moment", "slice", "state", *SUMS, *AWAITED, *counts]
    return rows.sort_values(["version", "variant", "moment", "slice", "day"], ignore_index=True)[kept]


def _sum_scored_months(scored_trips: dict[str, Callable[[], ir.Table]], monitoring: Monitoring) -> pd.DataFrame:
    opened = {
        month: select_raw(scored_trips[partition]())
        for month in (*monitoring.months_before, *monitoring.months, *monitoring.months_of_the_year_before)
        if (partition := partition_of(monitoring.taxi_type, month)) in scored_trips
    }
    models = {month: _find_model(scored) for month, scored in opened.items()}
    wanted = model_name(monitoring.taxi_type, monitoring.source)
    found = {month: opened[month] for month, model in models.items() if model in (wanted, None)}
    if lacking := [month for month in monitoring.months if month not in found]:
        others = sorted({str(models[month]) for month in lacking if month in models})
        raise NotFound(
            f"{', '.join(lacking)} of {monitoring.taxi_type} taxis has not been scored by {wanted}"
            f"{f' but by {others[0]}' if others else ''}; run `kedro run --pipelines=batch_scoring "
            f"--params=score_data={'+'.join(lacking)}` with the same --env first"
        )
    tables = [_sum_month(scored, month) for month, scored in found.items()]
    rows = pd.concat(tables, ignore_index=True).assign(variant=str(Variant.CHAMPION), state=str(DayState.FINAL))
    return rows.sort_values(["version", "variant", "moment", "slice", "day"], ignore_index=True)


def _find_model(scored: ir.Table) -> str | None:
    """Return the registered name of the model that scored trips; None where a former program has not kept it."""
    if "model" not in scored.columns:
        return None
    return str(scored["model"].max().to_pyarrow().as_py())


def select_days(rows: pd.DataFrame, version: int, moment: str, first: str, last: str, slice_: str = ALL) -> DailySums:
    """Return the champion's rows of one version, moment and slice as arrays, a row for every day from first to last.

    Days of which too little is known yet have rides, and no labelled ones: those that are reported first are the short
    ones.
    """
    chosen = rows[(rows["version"] == version) & (rows["moment"] == moment) & (rows["slice"] == slice_)]
    chosen = chosen[chosen["variant"] == Variant.CHAMPION].copy()
    chosen.loc[chosen["state"].isin([DayState.OPEN, DayState.INCOMPLETE]), list(SUMS[1:])] = 0.0
    days = pd.date_range(first, last, freq="D")
    table = chosen.set_index(pd.DatetimeIndex(chosen["day"]))[list(SUMS)].reindex(days)
    counts = table.fillna({name: 0.0 for name in SUMS if name not in MAY_BE_UNKNOWN})
    answered = counts["labelled"] > 0
    for name in MAY_BE_UNKNOWN:  # a day without rides adds nothing; unknown stays unknown
        counts[name] = counts[name].where(answered, 0.0)
    return DailySums(
        days.to_numpy().astype("datetime64[D]"), *(counts[name].to_numpy(dtype=np.float64) for name in SUMS)
    )


def select_checks(rows: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """Return `CHECKS` and `LACKING` of every day from first to last; NaN for what is unknown.

    A day without records between others is silent; days before the first record are not known.
    """
    days = pd.date_range(first, last, freq="D")
    counts = [*CHECKS, *LACKING]
    if not set(counts) <= set(rows.columns):  # rows of a former program
        return pd.DataFrame(np.nan, index=days, columns=counts)
    known = rows.assign(day=pd.DatetimeIndex(rows["day"])).groupby("day")[counts].max().reindex(days)
    empty = known["records"].isna() & known["records"].notna().cummax()
    known.loc[empty, "records"] = 0.0
    known.loc[empty, "silent_hours"] = 24.0
    return known


def _sum_month(scored: ir.Table, month: str) -> pd.DataFrame:
    pickup = next(name for name in scored.columns if "pickup" in name)
    boroughs = {location: zone.borough for location, zone in read_zones(zone_table()).items()}
    when = scored[pickup]
    rides = scored.mutate(
        day=when.date(),
        part=when.hour(),
        borough=scored["PULocationID"].cases(*boroughs.items(), else_="Unknown"),
        version=scored["model_version"].cast("int64"),
    ).filter(when.strftime("%Y-%m") == month)
    tables = []
    for moment, columns in MOMENTS.items():
        if columns[0] not in scored.columns:
            continue  # scored by a former program
        absent = {name: ibis.null("float64") for name in columns if name not in scored.columns}
        complete = rides.mutate(**absent)
        sums = complete.group_by(["day", "version", "part", "borough"]).aggregate(**_sums_of(complete, columns))
        found = sums.to_pandas()
        if found["answered"].sum() == 0:
            continue
        found["part"] = pd.cut(
            found["part"], [*PARTS_OF_DAY, 24], labels=list(PARTS_OF_DAY.values()), right=False
        ).astype(str)
        slices = [found.assign(slice=ALL), found.assign(slice=found["part"])]
        slices.append(found.assign(slice=FROM + found["borough"].replace("N/A", "no known zone")))
        grouped = pd.concat(slices).groupby(["day", "version", "slice"], as_index=False)
        table = grouped[[*SUMS, *AWAITED]].sum(skipna=False)
        tables.append(table.assign(moment=moment))
    if not tables:
        return pd.DataFrame()
    rows: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return rows.merge(_check_records(rides, pickup), on="day", how="left")


def _check_records(rides: ir.Table, pickup: str) -> pd.DataFrame:
    """Check the records of each day, those that were not answered included."""
    if "trip_distance" not in rides.columns:  # these taxis record none, or a former program has not kept it
        rides = rides.mutate(trip_distance=ibis.null("float64"))
    timed = rides["actual_duration"].between(*DURATION).fill_null(False)
    placed = (rides[end].isin(find_placed_zones()).fill_null(False) for end in ("PULocationID", "DOLocationID"))
    beyond = is_out_of_range(rides["actual_duration"], rides["trip_distance"], *placed)
    key = ["day", pickup, "PULocationID", "DOLocationID", "actual_duration", "trip_distance"]
    by_day = rides.group_by("day").aggregate(
        records=rides.count().cast("float64"),
        out_of_range=beyond.fill_null(False).sum().cast("float64"),
        timed=timed.sum().cast("float64"),
        no_pickup_zone=rides["PULocationID"].isnull().sum().cast("float64"),
        no_dropoff_zone=rides["DOLocationID"].isnull().sum().cast("float64"),
        no_distance=rides["trip_distance"].isnull().sum().cast("float64"),
    )
    different = rides.select(*key).distinct().group_by("day").aggregate(different=ibis._.count().cast("float64"))
    checks: pd.DataFrame = by_day.to_pandas().merge(different.to_pandas(), on="day")
    hours = rides.group_by(["day", "part"]).aggregate().to_pandas().groupby("day")["part"].agg(list)
    silent = pd.DataFrame({"day": hours.index, "silent_hours": find_silent_hours(hours.index, hours)})
    checks = checks.assign(
        doubled=checks["records"] - checks["different"],
        unreported=checks["records"] - checks["timed"],
        reports=checks["records"],
    )
    return checks.merge(silent, on="day")[["day", *CHECKS, *LACKING]]


def find_silent_hours(days: Iterable[str], hours: Iterable[Iterable[int]]) -> list[float]:
    """Return, for each day, the longest run of hours without a record that ends on it or at its end.

    A silence that begins before midnight and goes on after it is one silence, of the day on which it ends.

    Args:
        days: In their order; one that is missing has no records, or is not known.
        hours: For each day, its hours (0 to 23) with a record: one at least.
    """
    silences, before, silent_until_midnight = [], None, 0
    for day, with_records in zip(days, hours, strict=True):
        number = np.datetime64(day, "D").astype(int)
        known = np.array([-1, *sorted(with_records), 24])
        runs = np.diff(known) - 1
        if before is not None and number == before + 1:
            runs[0] += silent_until_midnight
        silences.append(float(runs.max()))
        before, silent_until_midnight = number, 23 - known[-2]
    return silences


def _sums_of(rides: ir.Table, columns: tuple[str, ...]) -> dict[str, ir.Scalar]:
    numbers = (rides[name].cast("float64") for name in columns)
    answer, lower, upper, expected = (
        (number.isnan() | number.isinf()).ifelse(ibis.null("float64"), number) for number in numbers
    )
    actual = rides["actual_duration"]
    known = actual.between(*DURATION).fill_null(False) & answer.notnull()
    awaited = actual.isnull() & answer.notnull()
    error = answer - actual
    inside = (lower.isnull() | upper.isnull()).ifelse(ibis.null("boolean"), actual.between(lower, upper))

    def add(values: ir.NumericValue, chosen: ir.BooleanValue = known) -> ir.Scalar:
        """Sum up what is known of labelled rides, or of others; NULL where it is not known of all of them."""
        unknown = (chosen & values.isnull()).any()
        return unknown.ifelse(ibis.null("float64"), values.sum(where=chosen).fill_null(0.0))

    return {
        "answered": answer.count(),
        "rides": answer.count().cast("float64"),
        "labelled": known.sum().cast("float64"),
        "actual": add(actual),
        "predicted": add(answer),
        "absolute": add(error.abs()),
        "squared": add(error * error),
        "product": add(answer * actual),
        "actual_squared": add(actual * actual),
        "predicted_squared": add(answer * answer),
        "expected": add(expected),
        "covered": add(inside.cast("float64")),
        "width": add(upper - lower),
        "within_5": add((error.abs() <= 5).cast("float64")),
        "awaited": awaited.sum().cast("float64"),
        "awaited_expected": add(expected, awaited),
    }
