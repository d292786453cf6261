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
    Answered,
    Asked,
    Attempt,
    answer,
    answer_many,
    as_told,
    attempted,
    instant,
    reasons_of,
    understood,
    unique_ids,
    wall_clock,
)
from ride_duration.serving.schemas.decoding import decoded, decoded_many, decoded_reports
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
from ride_duration.serving.schemas.problems import Refused, without_details
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


class Service:
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
        self._new_id = unique_ids()

    @property
    def deployment(self) -> Deployment:
        """Who answers.

        Raises:
            Refused: Nobody can.
        """
        deployment = self._reconciler.deployment
        if deployment is None:
            why = without_details(self._reconciler.problem or "it is loading")
            raise Refused(503, f"no model answers yet: {why}", retry_after=2)
        return deployment

    async def predict(self, body: bytes) -> Prediction:
        """Answer one ride."""
        answered = await self._answer(decoded(body, Ride))
        return answered.prediction()

    async def predict_and_explain(self, body: bytes) -> Prediction:
        """Answer one ride, with reasons; without them if the model fails to give any."""
        answered = await self._answer(decoded(body, Ride))
        try:
            return answered.prediction(await self._aside(reasons_of, answered))
        except Exception:  # the minutes are known, and logged
            log.exception("the %s, version %d, gives no reasons", answered.variant, answered.model.version)
            self._metrics.variant_failed(answered.model.version, answered.variant)
            return answered.prediction()

    async def _answer(self, ride: Ride) -> Answered:
        started, deployment = time.perf_counter(), self.deployment
        asked = understood(ride, deployment, self._new_id())
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
            kept += self._counted(attempted([asked], deployment.shadow, SHADOW), deployment.shadow, SHADOW)
        await self._keep_answers(kept)
        return answered

    async def predict_batch(self, body: bytes) -> Predictions:
        """Answer many rides."""
        batch, deployment = decoded_many(body, Batch), self.deployment
        asked: list[Asked] = await self._aside(self._understood, batch.rides, deployment)
        if batch.what_if:
            answered = (await self._aside(answer_many, asked, deployment)).answered
        else:
            answered = await self._answer_many(asked, deployment)
        return Predictions([one.prediction() for one in answered])

    def _understood(self, rides: list[Ride], deployment: Deployment) -> list[Asked]:
        return [
            _understood_in(f"rides[{number}]", ride, deployment, self._new_id()) for number, ride in enumerate(rides)
        ]

    async def _answer_many(self, asked: list[Asked], deployment: Deployment) -> list[Answered]:
        attempt: Attempt = await self._aside(answer_many, asked, deployment)
        answered = kept = self._counted(attempt, deployment.challenger, CHALLENGER)
        if deployment.shadow is not None:
            attempt = await self._aside(attempted, asked, deployment.shadow, SHADOW)
            kept = answered + self._counted(attempt, deployment.shadow, SHADOW)
        await self._keep_answers(kept)
        return answered

    def _counted(self, attempt: Attempt, model: Model | None, variant: str) -> list[Answered]:
        if attempt.failed and model is not None:
            self._metrics.variant_failed(model.version, variant, attempt.failed)
        return attempt.answered

    async def stream(self, body: bytes) -> StreamPredictions:
        """Answer the records of a stream; those that cannot be understood are told, and hold up no others."""
        records, deployment = decoded_many(body, Stream).Records, self.deployment
        asked, refused = await self._aside(self._understood_records, records, deployment)
        answered = await self._answer_many(asked, deployment) if asked else []
        predictions = [
            StreamPrediction(_STREAM_MODEL, one.model.label, StreamMinutes(one.duration, one.asked.ride_id))
            for one in answered
        ]
        return StreamPredictions(predictions, refused)

    def _understood_records(
        self, records: list[StreamRecord], deployment: Deployment
    ) -> tuple[list[Asked], list[StreamRefused]]:
        asked, refused = [], []
        for number, record in enumerate(records):
            try:
                told = decoded(_unwrapped(record.kinesis.data), StreamRide)
                told.ride.ride_id = told.ride_id
                asked.append(_understood_in("ride", told.ride, deployment, self._new_id()))
            except Refused as problem:
                where = f"{problem.field}: " if problem.field else ""
                refused.append(StreamRefused(number, f"{where}{problem.detail}"))
        return asked, refused

    async def actuals(self, body: bytes) -> Accepted:
        """Keep what really happened."""
        said = decoded_reports(body)
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

    async def _keep_answers(self, answered: list[Answered]) -> None:
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


def _understood_in(place: str, ride: Ride, deployment: Deployment, prediction_id: str) -> Asked:
    try:
        return understood(ride, deployment, prediction_id)
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
    ended = (None, None) if dropoff is None else (wall_clock(dropoff, "dropoff_datetime"), instant(dropoff))
    return ActualRecord(actual_id, str(as_told(report.ride_id)), now, duration, *ended)
