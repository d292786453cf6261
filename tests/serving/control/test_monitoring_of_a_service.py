"""What a running service shows of the monitoring, and which alerts it raises and sends."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from ride_duration.alerting.alert import Severity
from ride_duration.alerting.decisions import list_alerts
from ride_duration.alerting.outbox import Outbox
from ride_duration.store.database import locate_store, name_store, open_reading_engine
from ride_duration.store.monitoring import open_monitoring
from ride_duration.store.rollouts import RolloutEvent, Rollouts, RolloutStatus
from tests.serving.conftest import Models
from tests.serving.handlers.test_operations import metrics
from tests.support.alerting.samples import make_alert, make_settings, read_defaults
from tests.support.alerting.webhook_receiver import WebhookReceiver
from tests.support.logged_rides import LogWriter, make_log
from tests.support.serving.service import Running
from tests.support.store.samples import until
from tests.support.verdicts import write_verdict


def url_of(service: Running, models: Models) -> str:
    return locate_store(service.settings["store"], models.project)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    made = WebhookReceiver()
    yield made
    made.stop()


def test_verdict_and_days_are_shown_and_scraped(models: Models, started: Callable[..., Running]) -> None:
    registry = models.champion()
    service = started(registry, monitoring_seconds=0.05)
    assert service.get("/monitoring").json == {"verdict": None, "days": []}
    assert not [name for name in metrics(service) if "monitoring" in name[0]]

    write_verdict(url_of(service, models), registry.name)
    until(lambda: service.get("/monitoring").json["verdict"] is not None)
    said = service.get("/monitoring").json
    assert (said["verdict"]["verdict"], said["verdict"]["version"], said["verdict"]["next"]) == (
        "ok",
        "1",
        "nothing to do",
    )
    assert len(said["days"]) == 28
    assert said["days"][-1] == {"day": "2021-03-31", "rides": 1000, "labelled": 950, "level": 1.02, "incident": False}
    sampled = metrics(service)
    name = "ride_duration_monitoring"
    assert {finding: sampled[f"{name}_verdict", finding, registry.name] for finding in ("ok", "watch", "incident")} == {
        "ok": 1.0, "watch": 0.0, "incident": 0.0
    }  # fmt: skip
    assert sampled[f"{name}_cause", "none", registry.name] == 1.0
    wanted = {
        "level": 1.02, "error_ratio": 1.01, "coverage_ratio": 0.9, "labelled_ratio": 0.95, "worst_psi": 0.03,
        "drifted_features": 1.0, "last_run_timestamp_seconds": 1.7e9, "last_actual_timestamp_seconds": 1.7e9 - 60,
        "watermark_timestamp_seconds": 1.7e9 - 120,
    }  # fmt: skip
    assert {key: sampled[f"{name}_{key}", registry.name] for key in wanted} == wanted

    beside = {"window": "2021-03", "official": False}
    write_verdict(url_of(service, models), registry.name, "retrain", "level", 1_700_080_000.0, level=1.02, **beside)
    write_verdict(url_of(service, models), registry.name, "incident", "data", 1_700_086_400.0, level=1.4)
    until(lambda: service.get("/monitoring").json["verdict"]["verdict"] == "incident")
    assert [day["day"] for day in service.get("/monitoring").json["days"] if day["incident"]] == ["2021-03-31"]
    assert metrics(service)[f"{name}_verdict", "ok", registry.name] == 0.0


def alerting(**channels: dict[str, Any]) -> dict[str, Any]:
    given = read_defaults()
    for name, changes in channels.items():
        given["channels"][name] |= changes
    return given


def test_a_service_sends_what_a_monitoring_run_could_not(
    models: Models, started: Callable[..., Running], receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIDE_DURATION_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("RIDE_DURATION_WEBHOOK_SECRET", "secret")
    registry = models.champion()
    service = started(registry, monitoring_seconds=0.05, alerting=alerting(webhook={"enabled": True}))
    outbox = Outbox(open_monitoring(url_of(service, models)), make_settings("webhook"))
    outbox.report(registry.name, ["retrain"], [make_alert(subject=registry.name)], time.time())
    (request,) = receiver.wait_for(1)
    assert request.json["data"]["subject"] == registry.name
    until(lambda: list_alerts(outbox.engine, time.time())[0].pending == {})
    outbox.close()


def test_a_service_says_that_the_monitoring_is_stale_and_that_a_rollout_was_rolled_back(
    models: Models, started: Callable[..., Running]
) -> None:
    registry = models.champion()
    service = started(registry, monitoring_seconds=0.05, alerting=alerting(), rollout=None)
    store = url_of(service, models)
    write_verdict(store, registry.name, at=time.time() - 40 * 3600)
    rollouts = Rollouts(store, registry.name)
    begun = rollouts.begin(2, 1, 0.0, time.time(), "Ana", "newer")
    rollouts.change(begun, RolloutEvent(time.time(), RolloutStatus.ROLLED_BACK, 0.0, "rollout", "it is worse"))
    engine = open_reading_engine(store)  # which keeps no writer waiting
    until(lambda: len(list_alerts(engine, 0.0)) == 2)
    found = {one.alert.name: one.alert for one in list_alerts(engine, 0.0)}
    assert found["rollback"].how_bad == "it is worse"
    assert found["rollback"].severity is Severity.TICKET
    assert found["monitoring_stale"].next_command == "kedro monitor run"

    write_verdict(store, registry.name, at=time.time())
    rollouts.begin(3, 1, 0.0, time.time(), "Ana", "better")
    until(lambda: not [one for one in list_alerts(engine, 0.0) if one.resolved_at is None])
    engine.dispose()
    rollouts.close()


def test_what_is_given_up_is_counted_and_what_is_gone_is_over(
    models: Models, started: Callable[..., Running], receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 410
    monkeypatch.setenv("RIDE_DURATION_WEBHOOK_URL", receiver.url)
    registry = models.champion()
    place = {"store": "sqlite:///data/given-up/predictions.db"}
    outbox = Outbox(open_monitoring(locate_store(place["store"], models.project)), make_settings("webhook"))
    now, blue = time.time(), f"{registry.name}, instance blue"
    outbox.report(blue, ["log"], [make_alert("log", subject=blue)], now - 15 * 86_400)
    outbox.report(registry.name, ["retrain"], [make_alert(subject=registry.name, version=7)], now - 3600)
    with outbox.engine.begin() as connection:
        connection.execute(text("UPDATE alert_deliveries SET refused_since = 1"))
    given = alerting(webhook={"enabled": True, "secret_variable": ""})
    service = started(registry, monitoring_seconds=0.05, alerting=given, **place)
    until(lambda: metrics(service)["ride_duration_notifications_undeliverable", "webhook"] == 2)
    sampled = metrics(service)
    assert sampled["ride_duration_last_undeliverable_timestamp_seconds", "webhook"] == pytest.approx(now, abs=600)
    assert sampled["ride_duration_notifications_undeliverable", "log"] == 0
    assert sampled["ride_duration_notifications_pending", "log"] == 0
    assert math.isnan(sampled["ride_duration_last_undeliverable_timestamp_seconds", "log"])
    engine = open_reading_engine(url_of(service, models))
    until(lambda: all(one.resolved_at is not None for one in list_alerts(engine, 0.0)))
    why = {one.alert.subject: one.resolved_why for one in list_alerts(engine, 0.0)}
    assert why[blue] == f"nothing was heard of {blue} for 14 days"
    assert why[registry.name] == "version 1 serves in the place of version 7"
    engine.dispose()
    outbox.close()


def test_a_receiver_that_hangs_delays_no_ride(
    models: Models, started: Callable[..., Running], receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.pause.clear()
    monkeypatch.setenv("RIDE_DURATION_WEBHOOK_URL", receiver.url)
    registry = models.champion()
    hanging = alerting(webhook={"enabled": True, "secret_variable": "", "timeout_seconds": 2})
    service = started(registry, monitoring_seconds=0.05, alerting=hanging)
    outbox = Outbox(open_monitoring(url_of(service, models)), make_settings("webhook"))
    outbox.report(registry.name, ["retrain"], [make_alert(subject=registry.name)], time.time())
    receiver.wait_for(1)
    began = time.monotonic()
    for _ in range(20):
        assert service.post("/predict", {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4}).status == 200
    assert time.monotonic() - began < 2
    outbox.close()


def test_a_monitoring_that_has_never_run_and_refused_records_are_alerts_until_somebody_looks_after_them(
    models: Models, started: Callable[..., Running]
) -> None:
    registry = models.champion()
    service = started(registry, instance="one", monitoring_seconds=0.05, alerting=alerting())
    store = url_of(service, models)
    writer = LogWriter(store)
    writer.write([arrival.record for arrival in make_log(registry.name, days=1, rides=1)])
    writer.close()
    engine = open_reading_engine(store)

    def list_open() -> list[str]:
        return sorted(one.alert.name for one in list_alerts(engine, 0.0) if one.resolved_at is None)

    until(lambda: list_open() == ["monitoring_stale"])
    file = service.folder / "one" / name_store(store, service.folder) / "refused.jsonl"
    file.write_text("{}")
    until(lambda: list_open() == ["log", "monitoring_stale"])
    assert metrics(service)["ride_duration_log_refused_file_bytes",] == 2
    write_verdict(store, registry.name, at=time.time(), official=False)
    file.unlink()
    until(lambda: list_open() == ["monitoring_stale"])
    write_verdict(store, registry.name, at=time.time())
    until(lambda: list_open() == [])
    engine.dispose()
