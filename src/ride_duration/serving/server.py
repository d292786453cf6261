"""Starts and stops the service."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from ride_duration.errors import RideDurationError
from ride_duration.in_use import SERVICES, hold
from ride_duration.registry.reader import RegistryReader
from ride_duration.rollout.plan import parse_plan
from ride_duration.serving.control.package_cache import PackageCache
from ride_duration.serving.control.reconciler import Reconciler
from ride_duration.serving.control.registry_process import decide
from ride_duration.serving.control.rollout_controller import BY, RolloutController
from ride_duration.serving.handlers.operations import OperationsHandler
from ride_duration.serving.handlers.predict import PredictHandler
from ride_duration.serving.http.app import App
from ride_duration.serving.http.protocol import make_timeout_protocol
from ride_duration.serving.inference.metrics import Metrics
from ride_duration.store import PredictionLog
from ride_duration.store.queries.ground_truth import find_last_actual
from ride_duration.store.rollouts import Rollout, Rollouts

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings

log = logging.getLogger(__name__)

#: Connections that the operating system holds while the service is busy.
_BACKLOG = 2048

#: Seconds that requests may take to end after the service was told to stop.
_GRACE = 10


def serve(settings: ServiceSettings) -> None:
    """Answer until SIGTERM or Ctrl-C; what has been asked until then is answered and logged.

    Raises:
        RideDurationError: The port is taken, keys are missing, or the log cannot be written.
    """
    _allow_connections()
    with (
        _listening(settings) as listening,
        _in_use(settings),
        _predictions_kept(settings) as predictions,
        ThreadPoolExecutor(1, "many-rides") as worker,
    ):
        metrics = Metrics()
        reader = RegistryReader(settings.project_path, settings.tracking, settings.model)
        rollouts = Rollouts(settings.store_url, settings.model)
        controller = RolloutController(parse_plan(settings.rollout), rollouts, metrics, partial(_promoted, settings))
        reconciler = Reconciler(
            reader, PackageCache(settings.own_folder / "packages" / settings.model), controller.challenge
        )
        service = PredictHandler(reconciler, predictions, metrics, worker)
        operations = OperationsHandler(settings, reconciler, predictions, metrics, controller)
        app = App(settings, service, operations, metrics)
        config = uvicorn.Config(
            app,
            http=make_timeout_protocol(settings.limits.body_seconds, app.refused),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=settings.limits.keep_alive_seconds,
            timeout_graceful_shutdown=_GRACE,
        )
        server = uvicorn.Server(config)
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn's own handlers drain, and then hand on to these
            signal.signal(number, server.handle_exit)
        note = partial(note_last_actual, rollouts, metrics)
        with _following(controller, reconciler, note, settings.registry_seconds):
            _tell(settings, reconciler)
            server.run([listening])
    first, *more = predictions.account()
    log.info("Stopped; %s", first)
    for sentence in more:
        log.warning("%s", sentence)


def _allow_connections() -> None:
    """As many as the operating system lets a process have: many more than it gives by itself."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _listening(settings: ServiceSettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
        except OSError as error:
            advice = {
                errno.EADDRINUSE: "stop what listens there, or choose another --port",
                errno.EACCES: "choose a --port above 1023; those below are for the administrator",
            }.get(error.errno or 0, "choose a --host that is an address of this machine, such as 127.0.0.1 or 0.0.0.0")
            raise RideDurationError(
                f"the service cannot listen on {settings.host}:{settings.port} ({error.strerror}); {advice}"
            ) from error
        yield listening


@contextmanager
def _in_use(settings: ServiceSettings) -> Iterator[None]:
    """Let `make clean` see that a service runs, wherever its folder lies."""
    data = settings.project_path / "data"
    try:
        held = hold(data, SERVICES)
    except OSError as error:
        raise RideDurationError(f"{data} cannot be used: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(held)


@contextmanager
def _predictions_kept(settings: ServiceSettings) -> Iterator[PredictionLog]:
    predictions = PredictionLog(
        settings.store_url,
        settings.folder_path,
        settings.durability,
        settings.name,
        journal_bytes=settings.journal_bytes,
    )
    try:
        yield predictions
    finally:
        predictions.close()


@contextmanager
def _following(
    controller: RolloutController, reconciler: Reconciler, note: Callable[[], None], seconds: float
) -> Iterator[None]:
    """Look at the rollout, the registry and, if the store is there, the last actual: now, and from time to time."""
    controller.look()
    reconciler.reconcile()
    if controller.problem is None:
        note()
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(seconds):
            try:
                controller.follow(reconciler)
                if controller.problem is None:  # the store is there
                    note()
            except Exception:
                log.exception("the registry could not be followed")

    follower = threading.Thread(target=follow, name="reconciler", daemon=True)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join(_GRACE)  # a decision of the registry that takes longer is noticed at the next start


def note_last_actual(rollouts: Rollouts, metrics: Metrics) -> None:
    """Tell the metrics when the newest actual came in that any instance has kept; nothing if the store is away."""
    try:
        at = find_last_actual(rollouts.engine)
    except (RideDurationError, SQLAlchemyError):  # whoever follows the rollout says why
        return
    if at is not None:
        metrics.actual_kept(at)


def _promoted(settings: ServiceSettings, rollout: Rollout, why: str) -> None:
    begun = {"by": rollout.history[0].by, "why": rollout.history[0].why}
    decide(settings, {"decision": "promote", "version": rollout.version, "by": BY, "why": why, "begun": begun})


def _tell(settings: ServiceSettings, reconciler: Reconciler) -> None:
    host = socket.gethostname() if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 a comparison
    host = f"[{host}]" if ":" in host else host
    deployment = reconciler.deployment
    if deployment is None:
        log.warning("%s answers nobody yet: %s", settings.model, reconciler.problem)
    else:
        log.info("Version %s of %s answers.", deployment.champion.label, settings.model)
    asks = "POST /predict, with an API key" if settings.keys_required else "POST /predict"
    log.info("Open http://%s:%d in a browser, or ask it: %s. Ctrl-C stops it.", host, settings.port, asks)
