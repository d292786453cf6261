"""The bodies of responses to GET requests."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Share = Annotated[float, Meta(ge=0, le=1, description="Of the rides; the shadow's is 0.", examples=[0.95])]
Name = Annotated[Literal["champion", "challenger", "shadow"], Meta(description="Its part in the rollout.")]
Label = Annotated[str, Meta(pattern=r"^\d+$", description="In the registry.", examples=["2"])]
Milliseconds = Annotated[float, Meta(ge=0, examples=[0.8])]
Count = Annotated[int, Meta(ge=0)]


class Health(Struct):
    """The process runs."""

    status: Literal["ok"]


class Ready(Struct):
    """Rides can be scored and logged."""

    status: Literal["ready"]
    model_version: Label


class Versions(Struct):
    """What runs here."""

    ride_duration: Annotated[str, Meta(description="Of the program.", examples=["0.1.0"])]
    model: Annotated[str, Meta(description="Name in the registry.", examples=["ride-duration-green-simulated"])]
    model_version: Label | None
    instance: Annotated[str, Meta(description="This one among several of the project.", examples=["9696"])]


class Facts(Struct):
    """What a model's package records about it."""

    model: Annotated[str | None, Meta(description="Kind of model.", examples=["lightgbm"])]
    service: Annotated[str | None, Meta(description="Taxi type.", examples=["green"])]
    source: Annotated[str | None, Meta(description="Of the months it was trained on.", examples=["simulated"])]
    simulated: Annotated[bool | None, Meta(description="Whether these months are simulated.")]
    train_data: Annotated[list[str] | None, Meta(description="Months.", examples=[["2021-01", "2021-02"]])]
    val_data: Annotated[list[str] | None, Meta(description="Months.", examples=[["2021-03"]])]
    rmse: Annotated[float | None, Meta(description="Minutes.", examples=[5.3])]
    rmse_without_distance: Annotated[
        float | None, Meta(description="Minutes, at request time (no distance).", examples=[6.1])
    ]


class Variant(Facts, kw_only=True):
    """A serving model."""

    variant: Name
    version: Label
    share: Share
    released_at: Annotated[float, Meta(description="Seconds since 1970 (UTC).")]


class RolloutReport(Struct):
    """The rollout that goes on."""

    version: Label
    against: Label
    status: str
    stage: Annotated[str, Meta(examples=["shadow", "5 %"])]
    share: Share
    since: Annotated[str, Meta(description="RFC 3339 (UTC).", examples=["2021-02-03T08:30:00+00:00"])]
    next: Annotated[str | None, Meta(description="What the next step waits for.")]
    problem: Annotated[str | None, Meta(description="Why it stands still; null if it does not.")]
    looked_at: Annotated[str | None, Meta(description="When the next step was decided last, RFC 3339 (UTC).")] = None


class Models(Struct):
    """The serving models and their shares of the rides."""

    model: Annotated[str, Meta(description="Name in the registry.", examples=["ride-duration-green-simulated"])]
    variants: list[Variant]
    rollout: RolloutReport | None
    registry_reachable: bool
    problem: Annotated[
        str | None, Meta(description="Why another model should be serving and cannot; null if none should.")
    ]


class LiveModel(Facts, kw_only=True):
    """The champion."""

    version: Label
    distance: Annotated[
        Literal["optional", "required"], Meta(description="Whether rides must have a distance.", examples=["optional"])
    ]
    age_days: Annotated[float, Meta(ge=0, description="Since it was released.")]


class LiveVariant(Struct):
    """A serving model."""

    variant: Name
    version: Label
    share: Share
    answered: Annotated[int, Meta(ge=0, description="Rides since the start.")]


class LiveLevel(Struct):
    """The live level that the champion's minutes are multiplied by."""

    factor: Annotated[float, Meta(gt=0, description="1.06 where traffic is 6 % slower than the model learned.")]
    since: Annotated[float, Meta(description="When its quarter of an hour began, seconds since 1970 (UTC).")]
    frozen: Annotated[bool, Meta(description="Whether what becomes known is kept out of it.")]


class Live(Struct):
    """How it goes at the moment."""

    requests_per_second: Annotated[float, Meta(ge=0, description="Over the last ten seconds.")]
    requests: Count
    errors: Count
    p50_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    rides: Annotated[int, Meta(ge=0, description="Rides answered since the start.")]
    rides_per_second: Annotated[float, Meta(ge=0, description="Single rides, over the last ten seconds.")]
    ride_p50_ms: Milliseconds | None
    ride_p99_ms: Milliseconds | None
    queue_depth: Annotated[int, Meta(ge=0, description="Records that are not in the database yet.")]
    model: LiveModel | None
    variants: list[LiveVariant]
    level: LiveLevel | UnsetType = UNSET


class MonitoringVerdict(Struct):
    """Whether the model is still right, and if not, why."""

    verdict: Annotated[str, Meta(description="ok, watch, retrain, incident or insufficient.", examples=["ok"])]
    cause: Annotated[str, Meta(description="none, level, structure, mix, data or season.", examples=["none"])]
    version: Label
    first: Annotated[str, Meta(description="First day of the window.", examples=["2021-03-01"])]
    last: Annotated[str, Meta(description="Last day of the window.", examples=["2021-03-28"])]
    computed_at: Annotated[float, Meta(description="Seconds since 1970 (UTC).")]
    reasons: Annotated[list[str], Meta(description="With the numbers that decided.")]
    next: Annotated[str, Meta(description="What to do.")]
    simulated: bool


class MonitoredDay(Struct):
    """A New York day of the version that the verdict is about."""

    day: Annotated[str, Meta(examples=["2021-03-28"])]
    rides: Count
    labelled: Annotated[int, Meta(ge=0, description="Rides whose actual duration is known.")]
    level: Annotated[float | None, Meta(description="Actual by predicted minutes.", examples=[1.02])]
    incident: Annotated[bool, Meta(description="Whether something was broken on it.")]


class Monitoring(Struct):
    """The newest verdict, and the days before it; null, and none, where there was no monitoring yet."""

    verdict: MonitoringVerdict | None
    days: list[MonitoredDay]


class ZoneReport(Struct):
    """A taxi zone."""

    LocationID: Annotated[int, Meta(ge=1, le=265, examples=[10])]
    zone: Annotated[str, Meta(examples=["Baisley Park"])]
    borough: Annotated[str, Meta(examples=["Queens"])]
    latitude: Annotated[float, Meta(description="Of its centroid (WGS84).", examples=[40.6783])]
    longitude: Annotated[float, Meta(description="Of its centroid (WGS84).", examples=[-73.7898])]
    square_miles: Annotated[float, Meta(gt=0)]
    polygons: (
        Annotated[
            list[list[list[list[float]]]],
            Meta(
                description="Its shape, if it is known: polygons, each an outline and its holes, as closed rings of "
                "longitude and latitude (WGS84).",
                examples=[[[[[-73.79, 40.67], [-73.78, 40.67], [-73.78, 40.68], [-73.79, 40.67]]]]],
            ),
        ]
        | UnsetType
    ) = UNSET


class ZoneReports(Struct):
    """The zones that have a place."""

    zones: list[ZoneReport]
