"""The bodies of requests and responses as JSON: the reference's contract, and what was added to it.

The same definitions decode requests, encode responses and make the OpenAPI document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType  # of answers: a field that is not there

#: Rides of one batch, and reports of one call.
MANY = 1000

#: Years of pick-ups: the TLC's records begin in 2009.
YEARS = (2009, 2039)

_MONTH_DAY = r"(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8])"
_DATE = rf"(20(09|[12]\d|3\d)-({_MONTH_DAY})|20(12|16|2[048]|3[26])-02-29)"
_TIME = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?"

# To JSON 10 and 10.0 are one number, and programs with tables of floats write ids so.
LocationId = (
    Annotated[int, Meta(ge=1, le=265, description="TLC location id of a taxi zone.", examples=[10])]
    | Annotated[float, Meta(ge=1, le=265, multiple_of=1)]
    | Annotated[str, Meta(extra_json_schema={"pattern": r"^([1-9]\d?|1\d\d|2[0-5]\d|26[0-5])$"})]
)
RideId = (
    Annotated[str, Meta(pattern=r"^[!-~]{1,100}(?!\n)$", description="Visible ASCII.", examples=["4711"])]
    | Annotated[int, Meta(ge=0, le=2**63 - 1)]
    | Annotated[float, Meta(ge=0, le=2**53, multiple_of=1)]
)
Moment = Annotated[
    datetime,
    Meta(
        description="RFC 3339; without an offset it is New York wall clock, and without seconds the full minute. "
        f"Kept to the second. "
        f"Years {YEARS[0]} to {YEARS[1]}.",
        examples=["2021-02-03T08:30:00"],
        extra_json_schema={"pattern": f"^{_DATE}[Tt ]{_TIME}$"},
    ),
]
Minutes = Annotated[float, Meta(ge=0, le=10_000, description="Minutes.", examples=[17.5])]


class Position(Struct, forbid_unknown_fields=True):
    """A place in the city (WGS84)."""

    latitude: Annotated[float, Meta(ge=-90, le=90, examples=[40.758])]
    longitude: Annotated[float, Meta(ge=-180, le=180, examples=[-73.9855])]


class Ride(Struct, forbid_unknown_fields=True):
    """A ride to predict. Each end is a zone id, or a position in the city; null counts as absent."""

    PULocationID: LocationId | None = None
    DOLocationID: LocationId | None = None
    trip_distance: Annotated[
        Annotated[float, Meta(ge=0, le=1e6)] | None,
        Meta(
            description="Miles that the ride takes, if known; not used above 100 or if impossible between the zones.",
            examples=[3.4],
        ),
    ] = None
    ride_id: RideId | None = None
    pickup_datetime: Moment | None = None
    pickup: Position | None = None
    dropoff: Position | None = None


class Place(Struct):
    """The zone that a position lies in."""

    LocationID: int
    zone: str
    borough: str


class Prediction(Struct):
    """A prediction: minutes, and an interval that holds nine of ten rides."""

    duration: Annotated[float, Meta(description="Minutes from pick-up to drop-off.", examples=[27.41])]
    model_version: Annotated[str, Meta(description="Version in the registry.", examples=["2"])]
    ride_id: RideId
    lower: Annotated[float, Meta(description="One ride of twenty is shorter (minutes).", examples=[18.2])]
    upper: Annotated[float, Meta(description="One ride of twenty is longer (minutes).", examples=[39.0])]
    variant: Annotated[str, Meta(description="`champion`, or `challenger` during a rollout.", examples=["champion"])]
    distance_used: Annotated[bool, Meta(description="Whether the model used the distance.")]
    pickup: Place | UnsetType = UNSET
    dropoff: Place | UnsetType = UNSET
    reasons: (
        Annotated[
            dict[str, float],
            Meta(
                description="Contribution of time of day, distance and place relative to a typical ride, in minutes; "
                "with ?explain=true.",
                examples=[{"time": 1.2, "distance": 3.4, "place": -0.8}],
            ),
        ]
        | UnsetType
    ) = UNSET
    distance_problem: (
        Annotated[
            str,
            Meta(
                description="Why a distance that was given was not used: `distance_out_of_range` (outside 0 to 100 "
                "miles), or `distance_implausible` (far shorter or longer than any route between the zones).",
                examples=["distance_implausible"],
            ),
        ]
        | UnsetType
    ) = UNSET
    unknown_zones: (
        Annotated[
            list[str],
            Meta(
                description="Ends of the ride whose place is not known, such as 264 and 265: the prediction rests on "
                "the rest of the ride.",
                examples=[["DOLocationID"]],
            ),
        ]
        | UnsetType
    ) = UNSET
    level: (
        Annotated[
            float,
            Meta(
                description="The live level that the minutes were multiplied by: 1.06 where traffic is 6 % slower now "
                "than the model learned.",
                examples=[1.06],
            ),
        ]
        | UnsetType
    ) = UNSET


class Batch(Struct, forbid_unknown_fields=True):
    """Rides to predict together."""

    rides: Annotated[list[Ride], Meta(min_length=1, max_length=MANY)]
    what_if: Annotated[bool, Meta(description="Hypothetical rides: neither logged nor counted.")] = False


class Predictions(Struct):
    """Predictions, in the order of the rides."""

    predictions: list[Prediction]


class Actual(Struct, forbid_unknown_fields=True):
    """What really happened to a ride. A later report about the same ride corrects earlier ones.

    Between pick-up and drop-off lies the time that passed, across changes of the clocks too. Where a time without an
    offset is one that New York's clocks skip or show twice, the difference of the wall clocks counts.
    """

    ride_id: RideId
    duration: Minutes | None = None
    dropoff_datetime: Moment | None = None
    trip_distance: Annotated[
        Annotated[float, Meta(ge=0, le=1e6)] | None,
        Meta(description="Miles as the meter recorded them; monitoring compares answers with them.", examples=[3.4]),
    ] = None


class Actuals(Struct, forbid_unknown_fields=True):
    """Many reports."""

    actuals: Annotated[list[Actual], Meta(min_length=1, max_length=MANY)]


class Accepted(Struct):
    """How many reports were taken."""

    accepted: int


class StreamData(Struct):
    """A record's payload: base64 of `{"ride": {...}, "ride_id": ...}`."""

    data: Annotated[str, Meta(extra_json_schema={"contentEncoding": "base64"})]


class StreamRecord(Struct):
    """A record in the envelope of a Kinesis stream."""

    kinesis: StreamData


class Stream(Struct):
    """Records of a stream."""

    Records: Annotated[list[StreamRecord], Meta(min_length=1, max_length=MANY)]


class StreamRide(Struct):
    """What lies in a record."""

    ride: Ride
    ride_id: RideId


class StreamMinutes(Struct):
    """A ride's minutes."""

    ride_duration: float
    ride_id: RideId


class StreamPrediction(Struct):
    """A prediction in the stream's form."""

    model: str
    version: str
    prediction: StreamMinutes


class StreamRefused(Struct):
    """A record that could not be scored; the others of its call were."""

    record: int
    detail: str


class StreamPredictions(Struct):
    """Predictions, in the order of the records; records that cannot be parsed are listed, and hold up no others."""

    predictions: list[StreamPrediction]
    refused: list[StreamRefused]


class Version(Struct, forbid_unknown_fields=True):
    """A version in the registry: a number, never a path or an address."""

    version: Annotated[int, Meta(ge=1, lt=10**9, examples=[3])]
    why: Annotated[str, Meta(min_length=1, max_length=1000, description="For the history.")] = "no reason given"


class Why(Struct, forbid_unknown_fields=True):
    """A reason for the history."""

    why: Annotated[str, Meta(min_length=1, max_length=1000, description="For the history.")] = "no reason given"


class Deployed(Struct):
    """The version that answers now."""

    version: int
    previous: int | None
