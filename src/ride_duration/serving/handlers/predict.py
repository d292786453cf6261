"""The service without HTTP: what each request does."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from typing import TYPE_CHECKING, Any

from ride_duration.serving.inference.deployment import CHALLENGER, SHADOW, Deployment
from ride_duration.serving.inference.scoring import (
    RideRequest,
    ScoredRide,
    ScoringResult,
    answer,
    explain_ride,
    make_id_source,
    normalize_ride_id,
    parse_ride,
    score_rides,
    to_instant,
    to_wall_clock,
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
from ride_duration.serving.schemas.problems import Refused, hide_details
from ride_duration.store import LogFull
from ride_duration.store.log_records import Actual as ActualRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.inference.deployment import Model
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.store import PredictionLog
    from ride_duration.store.log_records import Record

log = logging.getLogger(__name__)

#: What the reference calls its model in the answers of its stream.
_STREAM_MODEL = "ride_duration_prediction_model"


class PredictHandler:
    """Answers rides, and keeps what it answered.

    Args:
        reconciler: Has the models.
        predictions: The log.
        metrics: Are told everything.
        worker: Takes what would hold up single rides.
    """

    def __init__(
        self, reconciler: Reconciler, predictions: PredictionLog, metrics: Metrics, worker: ThreadPoolExecutor
    ) -> None:
        self._reconciler = reconciler
        self._log = predictions
        self._metrics = metrics
        self._worker = worker
        self._new_id = make_id_source()

    @property
    def deployment(self) -> Deployment:
        """Who answers.

        Raises:
            Refused: Nobody can.
        """
        deployment = self._reconciler.deployment
        if deployment is None:
            why = hide_details(self._reconciler.problem or "it is loading")
            raise Refused(503, f"no model answers yet: {why}", retry_after=2)
        return deployment

    async def predict(self, body: bytes) -> Prediction:
        """Answer one ride."""
        answered = await self._answer(decode_body(body, Ride))
        return answered.prediction()

    async def predict_and_explain(self, body: bytes) -> Prediction:
        """Answer one ride, with reasons; without them if the model fails to give any."""
        answered = await self._answer(decode_body(body, Ride))
        try:
            return answered.prediction(await self._aside(explain_ride, answered))
        except Exception:  # the minutes are known, and logged
            log.exception("the %s, version %d, gives no reasons", answered.variant, answered.model.version)
            self._metrics.variant_failed(answered.model.version, answered.variant)
            return answered.prediction()

    async def _answer(self, ride: Ride) -> ScoredRide:
        started, deployment = time.perf_counter(), self.deployment
        asked = parse_ride(ride, deployment, self._new_id())
        try:
            answered = answer(asked, deployment, started)
        except Exception:
            model, variant = deployment.model_for(str(asked.ride_id))
            if variant != CHALLENGER:
                raise
            log.exception("the challenger, version %d, failed", model.version)
            self._metrics.variant_failed(model.version, variant)
            answered = answer(asked, Deployment(deployment.champion), started)
        kept = [answered]
        if deployment.shadow is not None:
            kept += self._counted(try_score([asked], deployment.shadow, SHADOW), deployment.shadow, SHADOW)
        await self._keep_answers(kept)
        return answered

    async def predict_batch(self, body: bytes) -> Predictions:
        """Answer many rides."""
        batch, deployment = decode_list(body, Batch), self.deployment
        asked: list[RideRequest] = await self._aside(self._parse_rides, batch.rides, deployment)
        if batch.what_if:
            answered = (await self._aside(score_rides, asked, deployment)).answered
        else:
            answered = await self._answer_many(asked, deployment)
        return Predictions([one.prediction() for one in answered])

    def _parse_rides(self, rides: list[Ride], deployment: Deployment) -> list[RideRequest]:
        return [
            _parse_ride_at(f"rides[{number}]", ride, deployment, self._new_id()) for number, ride in enumerate(rides)
        ]

    async def _answer_many(self, asked: list[RideRequest], deployment: Deployment) -> list[ScoredRide]:
        attempt: ScoringResult = await self._aside(score_rides, asked, deployment)
        answered = kept = self._counted(attempt, deployment.challenger, CHALLENGER)
        if deployment.shadow is not None:
            attempt = await self._aside(try_score, asked, deployment.shadow, SHADOW)
            kept = answered + self._counted(attempt, deployment.shadow, SHADOW)
        await self._keep_answers(kept)
        return answered

    def _counted(self, attempt: ScoringResult, model: Model | None, variant: str) -> list[ScoredRide]:
        if attempt.failed and model is not None:
            self._metrics.variant_failed(model.version, variant, attempt.failed)
        return attempt.answered

    async def stream(self, body: bytes) -> StreamPredictions:
        """Answer the records of a stream; those that cannot be understood are told, and hold up no others."""
        records, deployment = decode_list(body, Stream).Records, self.deployment
        asked, refused = await self._aside(self._parse_records, records, deployment)
        answered = await self._answer_many(asked, deployment) if asked else []
        predictions = [
            StreamPrediction(_STREAM_MODEL, one.model.label, StreamMinutes(one.duration, one.asked.ride_id))
            for one in answered
        ]
        return StreamPredictions(predictions, refused)

    def _parse_records(
        self, records: list[StreamRecord], deployment: Deployment
    ) -> tuple[list[RideRequest], list[StreamRefused]]:
        asked, refused = [], []
        for number, record in enumerate(records):
            try:
                told = decode_body(_unwrapped(record.kinesis.data), StreamRide)
                told.ride.ride_id = told.ride_id
                asked.append(_parse_ride_at("ride", told.ride, deployment, self._new_id()))
            except Refused as problem:
                where = f"{problem.field}: " if problem.field else ""
                refused.append(StreamRefused(number, f"{where}{problem.detail}"))
        return asked, refused

    async def actuals(self, body: bytes) -> Accepted:
        """Keep what really happened."""
        said = decode_reports(body)
        many = isinstance(said, Actuals)
        reports = said.actuals if isinstance(said, Actuals) else [said]
        now, records = time.time(), []
        for number, report in enumerate(reports):
            try:
                records.append(_actual(report, self._new_id(), now))
            except Refused as refused:
                raise refused.below(f"actuals[{number}]" if many else "") from None
        await self._keep(records)
        self._metrics.actual()
        return Accepted(len(records))

    async def _keep_answers(self, answered: list[ScoredRide]) -> None:
        now = time.time()
        await self._keep([one.record(now) for one in answered])
        for one in answered:
            self._metrics.prediction(one)

    async def _keep(self, records: Sequence[Record]) -> None:
        try:
            self._log.append(records)
            await self._log.durable()
        except LogFull as error:
            raise Refused(503, "answers cannot be logged at the moment, and so are not given", retry_after=5) from error

    async def _aside(self, call: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call, *values)


def _parse_ride_at(place: str, ride: Ride, deployment: Deployment, prediction_id: str) -> RideRequest:
    try:
        return parse_ride(ride, deployment, prediction_id)
    except Refused as refused:
        raise refused.below(place) from None


def _unwrapped(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(422, "this is no base64", "kinesis.data") from None


def _actual(report: Actual, actual_id: str, now: float) -> ActualRecord:
    duration, dropoff = report.duration, report.dropoff_datetime
    if (duration is None) == (dropoff is None):
        raise Refused(422, "give either duration (minutes) or dropoff_datetime", "duration")
    ended = (None, None) if dropoff is None else (to_wall_clock(dropoff, "dropoff_datetime"), to_instant(dropoff))
    return ActualRecord(actual_id, str(normalize_ride_id(report.ride_id)), now, duration, *ended)
