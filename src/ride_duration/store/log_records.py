"""The two kinds of records that the log keeps."""

from __future__ import annotations

from datetime import datetime

import msgspec


class PredictionRecord(msgspec.Struct, frozen=True, array_like=True, tag="prediction", gc=False):
    """One answer of the service.

    A record of the journal is an array of these values: a field is added only at the end, with a default.

    Attributes:
        prediction_id: Unique for ever; what is logged twice under one id is kept once.
        ride_id: The ride that was asked about; many predictions may share it.
        asked_at: Seconds since 1970-01-01 UTC.
        pickup_datetime: New York wall clock, naive.
        pickup_zone: TLC location id, if known.
        dropoff_zone: TLC location id, if known.
        trip_distance: Miles, if given.
        duration: Minutes.
        lower: Lower end of the interval, minutes.
        upper: Upper end of the interval, minutes.
        model_version: Number of the registered version.
        variant: champion, challenger or shadow.
        milliseconds: How long the answer took.
        model: Name of the registered model; empty in records of programs that did not log it.
        pickup_at: The pick-up in seconds since 1970-01-01 UTC; None if the wall clock alone does not tell.
        duration_raw: Minutes before the live level; None if `duration` is what the model answered.
        lower_raw: The lower end before the live level, minutes; None as above.
        upper_raw: The upper end before the live level, minutes; None as above.
        level: Number of the published level that the answer was multiplied by; None if by none.
    """

    prediction_id: str
    ride_id: str
    asked_at: float
    pickup_datetime: datetime
    pickup_zone: int | None
    dropoff_zone: int | None
    trip_distance: float | None
    duration: float
    lower: float
    upper: float
    model_version: int
    variant: str
    milliseconds: float
    model: str = ""
    pickup_at: float | None = None
    duration_raw: float | None = None
    lower_raw: float | None = None
    upper_raw: float | None = None
    level: int | None = None


class ActualRecord(msgspec.Struct, frozen=True, array_like=True, tag="actual", gc=False):
    """What really happened to a ride, as somebody reported it; a later report about the same ride is a correction.

    Attributes:
        actual_id: Unique for ever; what is logged twice under one id is kept once.
        ride_id: The ride, whether it was predicted or not.
        received_at: Seconds since 1970-01-01 UTC.
        duration: Minutes; None if `dropoff_datetime` says it.
        dropoff_datetime: New York wall clock, naive; None if `duration` says it.
        dropoff_at: The drop-off in seconds since 1970-01-01 UTC; None if the wall clock alone does not tell, or
            `duration` was given.
        trip_distance: Miles as the meter recorded them, if reported.
    """

    actual_id: str
    ride_id: str
    received_at: float
    duration: float | None = None
    dropoff_datetime: datetime | None = None
    dropoff_at: float | None = None
    trip_distance: float | None = None


Record = PredictionRecord | ActualRecord
