"""Fit the knobs of the *simulated* city to one real month, and report how far simulated months are from real ones.

Run with `TLC_DATA=folder python benchmarks/fit_city.py [--write]` (default folder: data/01_raw/tlc). `--write`
replaces the knobs shipped with the package. Each knob is a count, a mean, a spread or a quantile of the fitted month,
or balances such a marginal; later months are only compared with. Only such aggregates are written, rounded.
"""

import argparse
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack

from measure_city import report
from ride_duration.trips.simulation.city import (
    City,
    Curve,
    Demand,
    Detour,
    Faults,
    Fleet,
    Flow,
    Pace,
    Tariff,
    Terminal,
    Traffic,
)
from ride_duration.trips.simulation.ground import MANHATTAN, PLACES, bands, ground, kerb_miles, pair_character

KNOBS = Path(__file__).parents[1] / "src" / "ride_duration" / "trips" / "simulation" / "simulated_city.json"
FITTED_MONTH = "2021-01"
#: Seed of the zone pairs' lasting character: any number will do.
CHARACTER = 96
#: Upper ends (miles) of the bands of centroid distance.
BANDS = (0.75, 1.25, 2.0, 3.0, 4.5, 6.5, 9.0, 13.0, 18.0)
#: Rides start nearer the middle of a zone than its rim. Chosen among 0.6 and 1.0 by the distances on the fitted month.
KERB_REACH = 0.6
#: No two rides are quite alike.
LEAST_SPREAD = 0.05
#: Metered miles at which speed and its spread are read off.
MILES = (0.3, 0.6, 1.0, 1.5, 2.2, 3.2, 5.0, 8.0, 12.0, 18.0, 28.0)
#: First hours of night, morning, midday, afternoon and evening.
PARTS = (5, 9, 12, 16, 20)
#: Levels at which quantile functions are read off: denser in the tails.
LEVELS = (0.0, 0.002, 0.01, 0.03, 0.07, 0.15, 0.25, 0.35, 0.5, 0.65, 0.75, 0.85, 0.93, 0.97, 0.99, 0.998, 1.0)
#: Too rare to count in one month, so chosen: drop-offs before the pick-up (none in the nine green months at hand;
#: cleaning must cope with them), and dates outside the month (0 to 26 rows a month, some of them clocks set to 2009).
NEGATIVE, STRAY, STRAY_RESET = 0.00004, 0.00005, 0.6
#: Rides that a zone or an hour must bring before its own mean counts as much as everybody's.
SHRINKAGE = 30


def main() -> None:
    """Fit, report, and on request write the knobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the knobs shipped with the package")
    folder = Path(os.environ.get("TLC_DATA", "data/01_raw/tlc"))
    arguments = parser.parse_args()
    city = fit(read(folder, FITTED_MONTH))
    if arguments.write:
        KNOBS.write_text(as_json(dataclasses.asdict(city)) + "\n", encoding="utf-8")
    report(city, folder)


def read(folder: Path, month: str) -> pd.DataFrame:
    """Real rides with minutes, hour, weekday and zone indices; `clean` marks rides that show how the city moves."""
    rides = pd.read_parquet(folder / f"green_tripdata_{month}.parquet")
    pickup = rides.lpep_pickup_datetime
    rides["minutes"] = (rides.lpep_dropoff_datetime - pickup).dt.total_seconds() / 60
    rides["hour"], rides["weekday"], rides["day"] = pickup.dt.hour, pickup.dt.day_of_week, pickup.dt.floor("D")
    rides["inside"] = pickup.dt.strftime("%Y-%m") == month
    rides["origin"], rides["destination"] = rides.PULocationID - 1, rides.DOLocationID - 1
    rides["dispatched"] = rides.payment_type.isna()
    rides["placed"] = (rides.origin < PLACES) & (rides.destination < PLACES)
    moving = rides.minutes.between(1, 180) & (rides.fare_amount >= 0)
    rides["moving"] = moving & rides.placed
    rides["clean"] = rides.moving & rides.trip_distance.between(0.1, 60)
    return rides


def fit(rides: pd.DataFrame) -> City:
    """All knobs, from the ground up: demand, flow, detours, speeds, then faults and fares."""
    rng = np.random.default_rng(CHARACTER)
    clean = rides[rides.clean].copy()
    detours, pair_detour = fit_detours(clean, rng)
    paces, traffic = fit_speeds(clean)
    fleets = []
    for trait, dispatched in enumerate((False, True)):
        own = rides[rides.dispatched == dispatched]
        fleets.append(
            Fleet(
                demand=fit_demand(own),
                flow=fit_flow(own[own.moving], trait),
                detour=detours[trait],
                pace=paces[trait],
                faults=fit_faults(own),
                tariff=fit_tariff(own),
                terminal=None if dispatched else fit_terminal(own),
                first_vendor=number((own.VendorID == 1).mean()),
            )
        )
    return City(
        fitted_to=FITTED_MONTH,
        character=CHARACTER,
        bands=BANDS,
        boroughs=BOROUGHS,
        kerb_reach=KERB_REACH,
        congestion=2.75,
        traffic=dataclasses.replace(traffic, pair_detour=number(pair_detour)),
        hailed=fleets[0],
        dispatched=fleets[1],
    )


BOROUGHS = tuple(str(name) for name in np.unique(ground().borough))
BOROUGH = np.searchsorted(BOROUGHS, ground().borough)


def fit_demand(rides: pd.DataFrame) -> Demand:
    """Mean rides per weekday and hour; pick-up zones by part of the day, shrunk to the zone's share of all day."""
    rides = rides[rides.inside]
    days = rides.drop_duplicates("day").weekday.value_counts().reindex(range(7)).to_numpy()
    counts = np.zeros((7, 24))
    np.add.at(counts, (rides.weekday, rides.hour), 1)
    total = rides.groupby("day").size()
    expected = pd.Series(total.index.day_of_week, total.index).map(dict(enumerate(counts.sum(axis=1) / days)))
    # The middle half of the days, as a normal spread: holidays are not the mood of a day.
    day_spread = np.log(total / expected).quantile([0.25, 0.75]).diff().iloc[1] / 1.349
    starts = rides[rides.moving]
    part = (np.searchsorted(PARTS, starts.hour, side="right") - 1) % len(PARTS)
    zones = np.zeros((len(PARTS), PLACES))
    np.add.at(zones, (part, starts.origin), 1)
    zones += SHRINKAGE * zones.sum(axis=0) / zones.sum()
    return Demand(matrix(counts / days[:, None], 2), number(day_spread), PARTS, matrix(zones, 1))


def fit_flow(rides: pd.DataFrame, trait: int) -> Flow:
    """Gravity, balanced until destinations, distance bands and borough pairs get their real shares.

    The spread of the pairs' popularity is the one at which as many different pairs are expected as were seen.
    """
    seen = rides.groupby(["origin", "destination"]).ngroups
    low, high = 0.0, 3.0
    for _ in range(7):
        habit = (low + high) / 2
        balanced, expected = balance(rides, trait, habit)
        low, high = (habit, high) if -np.expm1(-expected).sum() > seen else (low, habit)
    return balanced


def balance(rides: pd.DataFrame, trait: int, habit: float) -> tuple[Flow, Any]:
    """Iterative proportional fitting of attraction, deterrence and affinity, given the spread of popularity."""
    real = np.zeros((PLACES, PLACES))
    np.add.at(real, (rides.origin, rides.destination), 1)
    band, pair = bands(BANDS).ravel(), (BOROUGH[:, None] * len(BOROUGHS) + BOROUGH).ravel()
    bins, pairs = len(BANDS) + 2, len(BOROUGHS) ** 2
    starts, ends = real.sum(axis=1, keepdims=True), real.sum(axis=0)
    real_band, real_pair = np.bincount(band, real.ravel(), bins), np.bincount(pair, real.ravel(), pairs)
    popularity = np.exp(habit * pair_character(CHARACTER, trait))
    attraction, deterrence, affinity = ends / ends.max(), np.ones(bins), np.ones(pairs)

    def expect() -> Any:
        way = (deterrence[band] * affinity[pair]).reshape(PLACES, PLACES)
        weight = way * attraction * popularity
        return starts * weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)

    for _ in range(40):
        attraction = attraction * ends / np.maximum(expect().sum(axis=0), 1e-9)
        deterrence = deterrence * real_band / np.maximum(np.bincount(band, expect().ravel(), bins), 1e-9)
        affinity = affinity * real_pair / np.maximum(np.bincount(pair, expect().ravel(), pairs), 1e-9)
        attraction, deterrence = attraction / attraction.max(), deterrence / deterrence.max()
    scaled = affinity.reshape(len(BOROUGHS), -1)
    scaled = scaled / np.maximum(scaled.max(axis=1, keepdims=True), 1e-300)
    fitted = Flow(vector(attraction, 5), vector(deterrence, 5), matrix(scaled, 5), number(habit))
    return fitted, expect()


def fit_detours(rides: pd.DataFrame, rng: np.random.Generator) -> tuple[list[Detour], float]:
    """Metered over straight miles, in logarithms; what comes from kerbs all over the two zones is taken off.

    Mean: of the metered miles less that of drawn kerbs. Spread: variance of the metered miles about the centroid
    distance less the same of drawn kerbs, and less what lasts with the zone pair.
    """
    origin, destination = rides.origin.to_numpy(), rides.destination.to_numpy()
    band = bands(BANDS)[origin, destination]
    ruler = np.log(np.where(origin == destination, ground().radius[origin], ground().miles[origin, destination]))
    metered = np.log(rides.trip_distance.to_numpy()) - ruler
    drawn = np.log(kerb_miles(origin, destination, KERB_REACH, rng)) - ruler
    left, spreads = np.zeros(len(rides)), []
    for dispatched in (False, True):
        own = rides.dispatched.to_numpy() == dispatched
        mean, spread = np.zeros(len(BANDS) + 2), np.zeros(len(BANDS) + 2)
        for each in range(len(mean)):
            rows = own & (band == each)
            mean[each] = metered[rows].mean() - drawn[rows].mean()
            spread[each] = np.sqrt(max(metered[rows].var() - drawn[rows].var(), LEAST_SPREAD**2))
            left[rows] = metered[rows] - metered[rows].mean()
        spreads.append((own, mean, spread))
    pair, fleets = pair_spread(rides, left), []
    for own, mean, spread in spreads:
        scale = pd.Series(left[own]).groupby(band[own]).transform("std").to_numpy()
        once = np.sqrt(np.maximum(spread**2 - pair**2, LEAST_SPREAD**2))
        fleets.append(Detour(vector(mean), vector(once), quantiles(standard(left[own] / scale))))
    return fleets, pair


def fit_speeds(rides: pd.DataFrame) -> tuple[list[Pace], Traffic]:
    """One least-squares fit of log speed on distance (by fleet), hour (by day type and place), boroughs and zones.

    Hours, boroughs and zones are pulled towards no effect by `SHRINKAGE` rides; the residuals give the spreads.
    """
    ruler, roads = np.log(np.array(MILES)), len(BOROUGHS) ** 2
    logs = np.log(rides.trip_distance.to_numpy())
    speed = logs - np.log(rides.minutes.to_numpy() / 60)
    hats = np.stack([np.interp(logs, ruler, unit) for unit in np.eye(len(MILES))], axis=1)
    row = 2 * (ground().borough[rides.origin] != MANHATTAN) + (rides.weekday.to_numpy() >= 5)
    late = rides.dispatched.to_numpy()
    design = hstack(
        [
            csr_matrix(hats * ~late[:, None]),
            csr_matrix(hats * late[:, None]),
            one_hot(row * 24 + rides.hour.to_numpy(), 96, 1.0),
            one_hot(BOROUGH[rides.origin] * len(BOROUGHS) + BOROUGH[rides.destination], roads, 1.0),
            one_hot(rides.origin.to_numpy(), PLACES, 0.5) + one_hot(rides.destination.to_numpy(), PLACES, 0.5),
        ]
    ).tocsr()
    knots = 2 * len(MILES)
    # A zone enters with a half, so that a quarter of the penalty pulls as hard.
    penalty = np.r_[np.full(knots, 1e-3), np.full(96 + roads, SHRINKAGE), np.full(PLACES, SHRINKAGE / 4)]
    effect = np.linalg.solve((design.T @ design).toarray() + np.diag(penalty), design.T @ speed)
    left = speed - design @ effect
    pair = pair_spread(rides, left)
    nearest = hats.argmax(axis=1)
    paces = []
    for fleet, own in enumerate((~late, late)):
        spread = pd.Series(left[own]).groupby(nearest[own]).std().reindex(range(len(MILES))).to_numpy()
        once = np.sqrt(np.maximum(spread**2 - pair**2, LEAST_SPREAD**2))
        miles_per_hour = np.exp(effect[fleet * len(MILES) : (fleet + 1) * len(MILES)])
        shapes = tuple(quantiles(standard(-left[own & (nearest == knot)])) for knot in range(len(MILES)))
        paces.append(Pace(Curve(MILES, vector(miles_per_hour, 2)), Curve(MILES, vector(once)), shapes))
    factors = np.split(np.exp(effect), [knots, knots + 96, knots + 96 + roads])
    hours, between, zones = factors[1].reshape(4, 24), factors[2].reshape(len(BOROUGHS), -1), factors[3]
    return paces, Traffic(matrix(hours), vector(zones), matrix(between), number(pair), 0.0)


def pair_spread(rides: pd.DataFrame, left: Any) -> float:
    """Spread of what rides of the same zone pair share: mean product of two different rides of a pair."""
    groups = pd.Series(left).groupby((rides.origin * PLACES + rides.destination).to_numpy())
    size, total, squares = groups.size(), groups.sum(), pd.Series(left**2).groupby(groups.ngroup()).sum().to_numpy()
    product = (total**2 - squares) / size
    return float(np.sqrt(max(product.sum() / (size - 1).sum(), 0)))


def fit_faults(rides: pd.DataFrame) -> Faults:
    """Shares and quantiles of the dirt, counted."""
    refund = rides.fare_amount < 0
    short = rides[(rides.minutes < 1) & ~refund]
    long = rides[rides.minutes > 180]
    absurd = rides[rides.trip_distance > 100]
    moving = rides[rides.minutes >= 1]
    outside = moving[
        ((moving.PULocationID == 265) | (moving.DOLocationID == 265)) & moving.trip_distance.between(1, 60)
    ]
    n = len(rides)
    return Faults(
        cancelled=share(len(short), n),
        cancelled_unmetered=number((short.trip_distance == 0).mean()),
        cancelled_same_zone=number((short.origin == short.destination).mean()),
        cancelled_unknown=number((short.DOLocationID == 264).mean()),
        cancelled_seconds=quantiles(60 * short.minutes, 1, (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)),
        unmetered=share((moving.trip_distance == 0).sum(), n),
        absurd=share(len(absurd), n),
        absurd_miles=quantiles(absurd.trip_distance, -2, (0.0, 0.25, 0.5, 0.75, 1.0)),
        left_on=share(len(long), n),
        left_on_minutes=quantiles(long.minutes, 0, (0.0, 0.25, 0.5, 0.75, 1.0)),
        negative=NEGATIVE,
        stray=STRAY,
        stray_reset=STRAY_RESET,
        reset_year=2009,
        refund=share(refund.sum(), n),
        from_outside=share((moving.PULocationID == 265).sum(), n),
        to_outside=share((moving.DOLocationID == 265).sum(), n),
        outside_miles=quantiles(outside.trip_distance, 1, (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)),
    )


def fit_tariff(rides: pd.DataFrame) -> Tariff:
    """Fare by least squares on miles and minutes; tips, tolls and fees counted."""
    dispatched = bool(rides.dispatched.all())
    usual = rides[rides.clean & (rides.fare_amount > 2) & (dispatched | (rides.RatecodeID == 1))]
    design = np.c_[np.ones(len(usual)), usual.trip_distance, usual.minutes]
    flag_fall, per_mile, per_minute = np.linalg.lstsq(design, usual.fare_amount.to_numpy(), rcond=None)[0]
    error = usual.fare_amount - design @ np.array([flag_fall, per_mile, per_minute])
    payer = rides if dispatched else rides[rides.payment_type == 1]
    crossing = usual[ground().borough[usual.origin] != ground().borough[usual.destination]]
    return Tariff(
        flag_fall=number(flag_fall, 2),
        per_mile=number(per_mile, 2),
        per_minute=number(per_minute, 2),
        step=0.01 if dispatched else 0.5,
        spread=number(error.std() / usual.fare_amount.mean() if dispatched else 0.0, 2),
        tipped=number((payer.tip_amount > 0).mean(), 2),
        tip_rate=0.0
        if dispatched
        else number((payer.tip_amount / payer.fare_amount)[payer.tip_amount > 0].median(), 2),
        tip_flat=number(payer.tip_amount[payer.tip_amount > 0].median(), 2) if dispatched else 0.0,
        toll=number(crossing.tolls_amount[crossing.tolls_amount > 0].median(), 2),
        tolled=number((crossing.tolls_amount > 0).mean(), 2),
        fee=2.75,
        fee_share=number((rides.extra >= 2.75).mean(), 2),
    )


def fit_terminal(rides: pd.DataFrame) -> Terminal:
    """Counts of what the terminals wrote."""
    passengers = rides.passenger_count.value_counts(normalize=True).reindex(range(9), fill_value=0)
    payments = rides.payment_type.value_counts(normalize=True).reindex(range(1, 6), fill_value=0)
    return Terminal(
        vector(passengers, 5),
        vector(payments, 5),
        stored=number((rides.store_and_fwd_flag == "Y").mean()),
        negotiated=number((rides.RatecodeID == 5).mean()),
    )


def one_hot(column: Any, columns: int, value: float) -> csr_matrix:
    """Sparse indicator matrix with `value` at each row's column."""
    n = len(column)
    return csr_matrix((np.full(n, value), (np.arange(n), column)), shape=(n, columns))


def standard(values: Any) -> Any:
    """Values less their mean, over their spread."""
    return (values - values.mean()) / values.std()


def quantiles(values: Any, digits: int = 3, levels: tuple[float, ...] = LEVELS) -> Curve:
    """Quantile function, its ends at the smallest and the largest value."""
    return Curve(levels, vector(np.quantile(values, levels), digits))


def share(count: int, size: int) -> float:
    """A share with six digits: a few rows in a month count."""
    return round(float(count) / size, 6)


def number(value: float, digits: int = 4) -> float:
    """A knob, rounded."""
    return round(float(value), digits)


def vector(values: Any, digits: int = 4) -> tuple[float, ...]:
    """A row of knobs, rounded."""
    return tuple(round(float(value), digits) for value in values)


def matrix(values: Any, digits: int = 4) -> tuple[tuple[float, ...], ...]:
    """Rows of knobs, rounded."""
    return tuple(vector(row, digits) for row in values)


def as_json(value: Any, indent: int = 0) -> str:
    """JSON with one row of numbers a line, whole numbers without a fraction."""
    if isinstance(value, dict):
        lines = [f'{" " * (indent + 1)}"{key}": {as_json(entry, indent + 1)}' for key, entry in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "[\n" + ",\n".join(" " * (indent + 1) + as_json(row) for row in value) + "\n" + " " * indent + "]"
    return json.dumps(value, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]")


if __name__ == "__main__":
    main()
