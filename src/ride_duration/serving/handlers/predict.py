"""Scores rides, takes actuals, and logs both before anything is answered."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from typing import TYPE_CHECKING, Any

from ride_duration.clock import REAL_CLOCK
from ride_duration.serving.inference.deployment import Deployment
from ride_duration.serving.inference.parsing import (
    RideRequest,
    make_id_source,
    normalize_ride_id,
    parse_ride,
    to_instant,
    to_wall_clock,
)
from ride_duration.serving.inference.scoring import (
    ScoredRide,
    ScoringResult,
    explain_ride,
    score_ride,
    score_rides,
    try_score,
)
from ride_duration.serving.schemas.decoding import decode_body, decode_list, decode_reports
from ride_duration.serving.schemas.prediction import (
    Accepted,
    Actual,
    Actuals,
    Batch,
    Prediction,
    Predictions,
    Ride,
    Stream,
    StreamMinutes,
    StreamPrediction,
    StreamPredictions,
    StreamRecord,
    StreamRefused,
    StreamRide,
)
from ride_duration.serving.schemas.problems import InvalidRequest, ServiceUnavailable, hide_details
from ride_duration.store import LogFull
from ride_duration.store.log_records import ActualRecord
from ride_duration.store.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from ride_duration.clock import Clock
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.inference.counters import Counters
    from ride_duration.serving.inference.deployment import Model
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.store import PredictionLog
    from ride_duration.store.log_records import Record

log = logging.getLogger(__name__)

#: What the reference calls its model in the responses of its stream.
_STREAM_MODEL = "ride_duration_prediction_model"

#: Seconds after which a client may try again: while no model is loaded, and while nothing can be logged.
_LOADING_SECONDS, _LOG_SECONDS = 2, 5


class PredictHandler:
    """Answers requests with rides, and with what really happened to them.

    Args:
        reconciler: Has the models.
        predictions: The log.
        counters: Count scored rides and failures.
        metrics: Observe scored rides and actuals.
        worker: Takes what would hold up single rides.
        clock: Of the times that are logged.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        predictions: PredictionLog,
        counters: Counters,
        metrics: Metrics,
        worker: ThreadPoolExecutor,
        clock: Clock = REAL_CLOCK,
    ) -> None:
        self._reconciler = reconciler
        self._log = predictions
        self._counters = counters
        self._metrics = metrics
        self._worker = worker
        self._clock = clock
        self._new_id = make_id_source()

    @property
    def deployment(self) -> Deployment:
        """Return the serving models.

        Raises:
            ServiceUnavailable: None is loaded.
        """
        deployment = self._reconciler.deployment
        if deployment is None:
            why = hide_details(self._reconciler.problem or "it is loading")
            raise ServiceUnavailable(f"no model loaded yet: {why}", _LOADING_SECONDS)
        return deployment

    async def predict(self, body: bytes) -> Prediction:
        """Score one ride."""
        scored = await self._score(decode_body(body, Ride))
        return scored.to_prediction()

    async def predict_and_explain(self, body: bytes) -> Prediction:
        """Score one ride, and explain the prediction; without reasons if the model fails to give any."""
        scored = await self._score(decode_body(body, Ride))
        try:
            return scored.to_prediction(await self._in_worker(explain_ride, scored))
        except Exception:  # the minutes are known, and logged
            log.exception("the %s, version %d, failed to explain a ride", scored.variant, scored.model.version)
            self._counters.count_failed(scored.model.version, scored.variant)
            return scored.to_prediction()

    async def _score(self, ride: Ride) -> ScoredRide:
        started, deployment = time.perf_counter(), self.deployment
        request = parse_ride(ride, deployment, self._new_id(), self._clock)
        try:
            scored = score_ride(request, deployment, started)
        except Exception:
            model, variant = deployment.choose_model(str(request.ride_id))
            if variant != Variant.CHALLENGER:
                raise
            log.exception("the challenger, version %d, failed", model.version)
            self._counters.count_failed(model.version, variant)
            scored = score_ride(request, Deployment(deployment.champion), started)
        kept = [scored]
        if deployment.shadow is not None:
            result = try_score([request], deployment.shadow, Variant.SHADOW)
            kept += self._count_failures(result, deployment.shadow, Variant.SHADOW)
        await self._keep_predictions(kept)
        return scored

    async def predict_batch(self, body: bytes) -> Predictions:
        """Score many rides; hypothetical ones are neither logged nor counted."""
        batch, deployment = decode_list(body, Batch), self.deployment
        requests: list[RideRequest] = await self._in_worker(self._parse_rides, batch.rides, deployment)
        if batch.what_if:
            scored = (await self._in_worker(score_rides, requests, deployment)).scored
        else:
            scored = await self._score_many(requests, deployment)
        return Predictions([one.to_prediction() for one in scored])

    def _parse_rides(self, rides: list[Ride], deployment: Deployment) -> list[RideRequest]:
        return [self._parse_ride_at(f"rides[{number}]", ride, deployment) for number, ride in enumerate(rides)]

    def _parse_ride_at(self, place: str, ride: Ride, deployment: Deployment) -> RideRequest:
        try:
            return parse_ride(ride, deployment, self._new_id(), self._clock)
        except InvalidRequest as invalid:
            raise invalid.below(place) from None

    async def _score_many(self, requests: list[RideRequest], deployment: Deployment) -> list[ScoredRide]:
        result: ScoringResult = await self._in_worker(score_rides, requests, deployment)
        scored = kept = self._count_failures(result, deployment.challenger, Variant.CHALLENGER)
        if deployment.shadow is not None:
            result = await self._in_worker(try_score, requests, deployment.shadow, Variant.SHADOW)
            kept = scored + self._count_failures(result, deployment.shadow, Variant.SHADOW)
        await self._keep_predictions(kept)
        return scored

    def _count_failures(self, result: ScoringResult, model: Model | None, variant: Variant) -> list[ScoredRide]:
        if result.failed and model is not None:
            self._counters.count_failed(model.version, variant, result.failed)
        return result.scored

    async def stream(self, body: bytes) -> StreamPredictions:
        """Score the records of a stream; those that cannot be parsed are listed, and hold up no others."""
        records, deployment = decode_list(body, Stream).Records, self.deployment
        requests, refused = await self._in_worker(self._parse_records, records, deployment)
        scored = await self._score_many(requests, deployment) if requests else []
        predictions = [
            StreamPrediction(_STREAM_MODEL, one.model.label, StreamMinutes(one.duration, one.ride.ride_id))
            for one in scored
        ]
        return StreamPredictions(predictions, refused)

    def _parse_records(
        self, records: list[StreamRecord], deployment: Deployment
    ) -> tuple[list[RideRequest], list[StreamRefused]]:
        requests, refused = [], []
        for number, record in enumerate(records):
            try:
                sent = decode_body(_unwrap(record.kinesis.data), StreamRide)
                sent.ride.ride_id = sent.ride_id
                requests.append(self._parse_ride_at("ride", sent.ride, deployment))
            except InvalidRequest as problem:
                where = f"{problem.field}: " if problem.field else ""
                refused.append(StreamRefused(number, f"{where}{problem.detail}"))
        return requests, refused

    async def actuals(self, body: bytes) -> Accepted:
        """Log actual durations."""
        sent = decode_reports(body)
        many = isinstance(sent, Actuals)
        reports = sent.actuals if isinstance(sent, Actuals) else [sent]
        now, records = self._clock.now(), []
        for number, report in enumerate(reports):
            try:
                records.append(_parse_actual(report, self._new_id(), now))
            except InvalidRequest as invalid:
                raise invalid.below(f"actuals[{number}]" if many else "") from None
        await self._keep(records)
        self._metrics.observe_actual(now)
        return Accepted(len(records))

    async def _keep_predictions(self, scored: list[ScoredRide]) -> None:
        now = self._clock.now()
        await self._keep([one.to_record(now) for one in scored])
        for one in scored:
            self._counters.count_scored(one.model.version, one.variant)
            self._metrics.observe_ride(one)

    async def _keep(self, records: Sequence[Record]) -> None:
        try:
            self._log.append(records)
            await self._log.durable()
        except LogFull as error:
            detail = "predictions cannot be logged at the moment, and so are not returned"
            raise ServiceUnavailable(detail, _LOG_SECONDS) from error

    async def _in_worker(self, call: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call, *values)


def _unwrap(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("not valid base64", "kinesis.data") from None


def _parse_actual(report: Actual, actual_id: str, now: float) -> ActualRecord:
    duration, dropoff = report.duration, report.dropoff_datetime
    if (duration is None) == (dropoff is None):
        raise InvalidRequest("give either duration (minutes) or dropoff_datetime", "duration")
    wall_clock = None if dropoff is None else to_wall_clock(dropoff, "dropoff_datetime")
    instant = None if dropoff is None else to_instant(dropoff)
    ride_id = str(normalize_ride_id(report.ride_id))
    return ActualRecord(actual_id, ride_id, now, duration, wall_clock, instant, report.trip_distance)
