"""The records that the simulated rides leave behind: the TLC's green columns, fares and codes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ride_duration.trips.simulation.city import City, Fleet, Terminal
from ride_duration.trips.simulation.ground import MANHATTAN, Floats, Integers, draw_columns, ground

#: The green file of the TLC: column names, their order and types.
SCHEMA = pa.schema(
    [
        ("VendorID", pa.int64()),
        ("lpep_pickup_datetime", pa.timestamp("us")),
        ("lpep_dropoff_datetime", pa.timestamp("us")),
        ("store_and_fwd_flag", pa.string()),
        ("RatecodeID", pa.float64()),
        ("PULocationID", pa.int64()),
        ("DOLocationID", pa.int64()),
        ("passenger_count", pa.float64()),
        ("trip_distance", pa.float64()),
        ("fare_amount", pa.float64()),
        ("extra", pa.float64()),
        ("mta_tax", pa.float64()),
        ("tip_amount", pa.float64()),
        ("tolls_amount", pa.float64()),
        ("ehail_fee", pa.null()),
        ("improvement_surcharge", pa.float64()),
        ("total_amount", pa.float64()),
        ("payment_type", pa.float64()),
        ("trip_type", pa.float64()),
        ("congestion_surcharge", pa.float64()),
    ]
)
#: The columns that say which ride a record is of: when, from where to where, and how far.
RECORDED = ("lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID", "trip_distance")
#: The TLC's codes and fixed amounts (dollars).
RATE_STANDARD, RATE_JFK, RATE_NEGOTIATED = 1.0, 2.0, 5.0
JFK_FARE, MTA_TAX, IMPROVEMENT_SURCHARGE = 52.0, 0.5, 0.3
CODES = ("RatecodeID", "payment_type", "trip_type")
#: NULL where no terminal in the cab wrote them.
TERMINAL_COLUMNS = (*CODES, "congestion_surcharge")
#: JFK Airport, location id 132, as a zone index.
JFK = 131
HOUR, DAY = 3600, 86400


@dataclass
class Rides:
    """Rides in the order of the file, arrays of shape (n,); what the faults then spoil."""

    #: Seconds since 1970-01-01 00:00 New York local time.
    pickup: Integers
    seconds: Floats
    #: True zones (location id less 1), and the location ids on record.
    origin: Integers
    destination: Integers
    origin_id: Integers
    destination_id: Integers
    miles: Floats


def hour_and_weekend(pickup: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Hour of the day, and whether it is Saturday or Sunday, from seconds of local time since 1970-01-01."""
    # 1970-01-01 was a Thursday.
    return pickup // HOUR % 24, (pickup // DAY + 3) % 7 >= 5


def price(rides: Rides, city: City, fleet: Fleet, rng: np.random.Generator) -> dict[str, Floats]:
    """The dollar columns, and the codes that they depend on, by the fleet's tariff.

    Args:
        rides: What truly happened, before meter and clock are spoilt.
        city: The knobs.
        fleet: Hailed or dispatched.
        rng: Source of the draws.

    Returns:
        Column name to values, shape (n,).
    """
    tariff, terminal, n = fleet.tariff, fleet.terminal, len(rides.miles)
    hour, weekend = hour_and_weekend(rides.pickup)
    rate, payment = np.full(n, RATE_STANDARD), np.full(n, np.nan)
    fare = tariff.flag_fall + tariff.per_mile * rides.miles + tariff.per_minute * rides.seconds / 60
    fare *= np.exp(tariff.spread * rng.standard_normal(n))
    extra = np.where(rng.random(n) < tariff.fee_share, tariff.fee, 0.0)
    tips = rng.random(n) < tariff.tipped
    congested = ground().congested[rides.origin] | ground().congested[rides.destination]
    if terminal is not None:
        rate[_is_airport_ride(rides)] = RATE_JFK
        rate[rng.random(n) < terminal.negotiated] = RATE_NEGOTIATED
        # Negotiated prices are whole five-dollar notes.
        fare = np.where(rate == RATE_NEGOTIATED, np.ceil(fare / 5) * 5, np.where(rate == RATE_JFK, JFK_FARE, fare))
        payment = 1.0 + draw_columns(np.array([terminal.payments]), np.zeros(n, np.int64), rng)
        tips &= payment == 1
        extra += _hour_surcharge(hour, weekend) * (rate == RATE_STANDARD)
    fare = np.round(fare / tariff.step) * tariff.step
    crosses = ground().borough[rides.origin] != ground().borough[rides.destination]
    amounts = {
        "fare_amount": fare,
        "extra": extra,
        "mta_tax": MTA_TAX * ((rate != RATE_NEGOTIATED) & (terminal is not None)),
        "tip_amount": tips * (tariff.tip_rate * fare * 2 * rng.random(n) + tariff.tip_flat),
        "tolls_amount": tariff.toll * (crosses & (rng.random(n) < tariff.tolled)),
        "improvement_surcharge": np.full(n, IMPROVEMENT_SURCHARGE),
        "congestion_surcharge": city.congestion * (congested & (terminal is not None)),
    }
    amounts["total_amount"] = np.sum(list(amounts.values()), axis=0)
    return {
        **{name: np.round(dollars, 2) for name, dollars in amounts.items()},
        "RatecodeID": rate,
        "payment_type": payment,
        "trip_type": np.where(rate == RATE_NEGOTIATED, 2.0, 1.0),
    }


def _is_airport_ride(rides: Rides) -> NDArray[np.bool_]:
    manhattan = ground().borough == MANHATTAN
    outward = manhattan[rides.origin] & (rides.destination == JFK)
    homeward = manhattan[rides.destination] & (rides.origin == JFK)
    either: NDArray[np.bool_] = outward | homeward
    return either


def _hour_surcharge(hour: Integers, weekend: NDArray[np.bool_]) -> Floats:
    rush = ~weekend & (hour >= 16) & (hour < 20)
    return np.where(rush, 1.0, np.where((hour >= 20) | (hour < 6), 0.5, 0.0))


def records(rides: Rides, dollars: dict[str, Floats], fleet: Fleet, rng: np.random.Generator) -> pa.Table:
    """Write the rides as TLC records; a refunded one twice, the second time with negative amounts.

    Args:
        rides: Rides as meter and clock record them, shape (n,).
        dollars: Columns from `price`.
        fleet: Hailed or dispatched.
        rng: Source of the draws.

    Returns:
        At least n rows in `SCHEMA`.
    """
    refunded = rng.random(len(rides.miles)) < fleet.faults.refund
    row = np.repeat(np.arange(len(rides.miles)), 1 + refunded)
    sign = np.where(np.append(False, row[1:] == row[:-1]), -1.0, 1.0)
    pickup, seconds = rides.pickup[row], np.round(rides.seconds[row]).astype(np.int64)
    columns: dict[str, NDArray[np.generic]] = {
        "VendorID": np.where(rng.random(len(row)) < fleet.first_vendor, 1, 2),
        "lpep_pickup_datetime": _timestamp(pickup),
        "lpep_dropoff_datetime": _timestamp(pickup + seconds),
        "PULocationID": rides.origin_id[row],
        "DOLocationID": rides.destination_id[row],
        "trip_distance": np.round(rides.miles[row], 2),
        **{name: values[row] * (1.0 if name in CODES else sign) for name, values in dollars.items()},
    }
    if fleet.terminal is None:
        columns = {name: values for name, values in columns.items() if name not in TERMINAL_COLUMNS}
    else:
        columns |= _terminal_columns(fleet.terminal, len(row), rng)
    return pa.table(
        [
            pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(row), field.type)
            for field in SCHEMA
        ],
        schema=SCHEMA,
    )


def _terminal_columns(terminal: Terminal, size: int, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    passengers = draw_columns(np.array([terminal.passengers]), np.zeros(size, np.int64), rng)
    stored = np.where(rng.random(size) < terminal.stored, "Y", "N")
    return {"passenger_count": passengers.astype(np.float64), "store_and_fwd_flag": stored.astype(object)}


def _timestamp(seconds: Integers) -> NDArray[np.datetime64]:
    return seconds.astype("datetime64[s]").astype("datetime64[us]")
