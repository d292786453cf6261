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
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from ride_duration.alerting.configuration import parse_alerting
from ride_duration.errors import RideDurationError
from ride_duration.in_use import SERVICES, hold
from ride_duration.registry.reader import RegistryReader
from ride_duration.rollout.plan import parse_plan
from ride_duration.serving.control.alert_watch import AlertWatch, NotificationsCollector
from ride_duration.serving.control.level_reader import LevelCollector, LevelReader, follow_level
from ride_duration.serving.control.monitoring_reader import MonitoringCollector, MonitoringReader
from ride_duration.serving.control.package_cache import PackageCache
from ride_duration.serving.control.package_reader import PackageReader
from ride_duration.serving.control.reconciler import Reconciler
from ride_duration.serving.control.registry_process import run_decision
from ride_duration.serving.control.rollout_controller import BY, RolloutController
from ride_duration.serving.handlers.operations import OperationsHandler
from ride_duration.serving.handlers.predict import PredictHandler
from ride_duration.serving.http.app import App
from ride_duration.serving.http.protocol import make_timeout_protocol
from ride_duration.serving.inference.counters import Counters
from ride_duration.serving.inference.metrics import Metrics
from ride_duration.store import PredictionLog
from ride_duration.store.database import check_clock
from ride_duration.store.queries.ground_truth import find_last_actual
from ride_duration.store.rollouts import Rollout, Rollouts
from ride_duration.trips.zone_shapes import ZoneShapes, read_zone_shapes

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings

log = logging.getLogger(__name__)

#: Connections that the operating system holds while the service is busy.
_BACKLOG = 2048

#: Seconds that requests may take to end after the signal to stop.
_GRACE = 10


def serve(settings: ServiceSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that have arrived until then are answered and logged.

    Raises:
        RideDurationError: The port is taken, keys are missing, or the log cannot be written.
    """
    _allow_connections()
    clock = settings.open_clock()
    with (
        _bind(settings) as listening,
        _mark_in_use(settings),
        _open_log(settings) as predictions,
        ThreadPoolExecutor(1, "many-rides") as worker,
    ):
        counters = Counters()
        metrics = Metrics(counters)
        reader = _open_reader(settings)
        rollouts = Rollouts(settings.store_url, settings.model, clock.kind)
        controller = RolloutController(
            parse_plan(settings.rollout) if settings.rollout else None,
            rollouts,
            counters,
            metrics,
            partial(_promote, settings),
            clock,
        )
        shapes = _read_shapes(settings)
        cache = PackageCache(settings.own_folder / "packages" / settings.model)
        reconciler = Reconciler(reader, cache, controller.challenge, shapes)
        predict = PredictHandler(reconciler, predictions, counters, metrics, worker, clock)
        verdicts = MonitoringReader(settings.store_url, settings.model, clock.kind)
        metrics.registry.register(MonitoringCollector(verdicts))
        watch = None
        if settings.alerting is not None:
            alerting = parse_alerting(settings.alerting)
            watch = AlertWatch(settings, alerting, verdicts, reconciler, predictions, rollouts, clock.now)
            metrics.registry.register(NotificationsCollector(watch))
        following: AbstractContextManager[None] = nullcontext()
        if settings.level == "live":
            levels = LevelReader(settings, reconciler, clock)
            metrics.registry.register(LevelCollector(levels))
            metrics.count_raw_answers()
            following = follow_level(levels, settings)
        operations = OperationsHandler(
            settings, reconciler, predictions, counters, metrics, controller, verdicts, shapes
        )
        app = App(settings, predict, operations, metrics)
        config = uvicorn.Config(
            app,
            http=make_timeout_protocol(settings.limits.body_seconds, app.note_refusal),
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
        with (
            _follow_in_background(controller, reconciler, note, settings.registry_seconds),
            _watch_in_background(verdicts, watch, settings.monitoring_seconds),
            following,
        ):
            _announce(settings, reconciler)
            server.run([listening])
    first, *more = predictions.account()
    log.info("Stopped; %s", first)
    for sentence in more:
        log.warning("%s", sentence)


def _read_shapes(settings: ServiceSettings) -> ZoneShapes:
    """Read the shapes of the zones: none where there is no file, or one that cannot be used."""
    path = settings.project_path / settings.zone_shapes
    try:
        return ZoneShapes(read_zone_shapes(path.read_bytes()) if settings.zone_shapes and path.exists() else {})
    except (OSError, RideDurationError) as error:
        log.warning("The map has cells in place of the zones' shapes: %s cannot be used (%s)", path, error)
        return ZoneShapes({})


def _allow_connections() -> None:
    """Raise the number of open files to what the operating system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _open_reader(settings: ServiceSettings) -> RegistryReader | PackageReader:
    if settings.package:
        return PackageReader(Path(settings.package))
    return RegistryReader(settings.project_path, settings.tracking, settings.model, settings.release_command)


@contextmanager
def _bind(settings: ServiceSettings) -> Iterator[socket.socket]:
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
def _mark_in_use(settings: ServiceSettings) -> Iterator[None]:
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
def _open_log(settings: ServiceSettings) -> Iterator[PredictionLog]:
    check_clock(settings.store_url, settings.clock_kind)
    predictions = PredictionLog(
        settings.store_url,
        settings.folder_path,
        settings.durability,
        settings.name,
        journal_bytes=settings.journal_bytes,
        clock=settings.clock_kind,
    )
    try:
        yield predictions
    finally:
        predictions.close()


@contextmanager
def _follow_in_background(
    controller: RolloutController, reconciler: Reconciler, note: Callable[[], None], seconds: float
) -> Iterator[None]:
    """Look at the rollout, the registry and, if the store is there, the last actual: now, and from time to time."""
    controller.read_rollout()
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


@contextmanager
def _watch_in_background(verdicts: MonitoringReader, watch: AlertWatch | None, seconds: float) -> Iterator[None]:
    """Look at the rows of the monitoring, and at alerts, from time to time; receivers may take their time."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.is_set():
            try:
                verdicts.read()
                if watch is not None:
                    watch.look()
            except Exception:
                log.exception("the monitoring could not be followed")
            stop.wait(seconds)

    follower = threading.Thread(target=follow, name="monitoring", daemon=True)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join(_GRACE)  # what is being sent meanwhile is sent again under the same key
        if not follower.is_alive():
            verdicts.close()
            if watch is not None:
                watch.close()


def note_last_actual(rollouts: Rollouts, metrics: Metrics) -> None:
    """Give the metrics the time of the newest actual of all instances; nothing while the store is away."""
    try:
        at = find_last_actual(rollouts.engine)
    except (RideDurationError, SQLAlchemyError):  # the controller says why
        return
    if at is not None:
        metrics.set_last_actual(at)


def _promote(settings: ServiceSettings, rollout: Rollout, why: str) -> None:
    begun = {"by": rollout.history[0].by, "why": rollout.history[0].why}
    run_decision(settings, {"decision": "promote", "version": rollout.version, "by": BY, "why": why, "begun": begun})


def _announce(settings: ServiceSettings, reconciler: Reconciler) -> None:
    host = socket.gethostname() if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 a comparison
    host = f"[{host}]" if ":" in host else host
    deployment = reconciler.deployment
    if deployment is None:
        log.warning("%s: no model loaded yet: %s", settings.model, reconciler.problem)
    else:
        log.info("Serving version %s of %s.", deployment.champion.label, settings.model)
    route = "POST /predict, with an API key" if settings.keys_required else "POST /predict"
    log.info("Open http://%s:%d in a browser, or send rides to it: %s. Ctrl-C stops it.", host, settings.port, route)
