"""Rules, Alertmanager's configuration and dashboards: valid, tested by their own tools, and about series that exist."""

import functools
import json
import re
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ride_duration.playback.service_process import find_free_port
from ride_duration.store.database import locate_store
from ride_duration.store.log_records import ActualRecord
from ride_duration.trips.clock import find_day
from tests.conftest import REPOSITORY, Project, program
from tests.support.alerting.samples import MODEL, read_defaults
from tests.support.alerting.webhook_receiver import WebhookReceiver
from tests.support.answered_log import make_answered_log
from tests.support.logged_rides import LogWriter
from tests.support.serving.service import Running
from tests.support.store.samples import until
from tests.support.verdicts import write_verdict

DEPLOY = REPOSITORY / "deploy"
RULES = DEPLOY / "prometheus/rules.yml"
#: Panels that Grafana has without a plugin, of those that are used.
PANEL_TYPES = {"stat", "timeseries", "gauge", "barchart", "bargauge", "table", "heatmap", "histogram", "text"}
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))

Series = tuple[str, dict[str, str]]


def read_rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def check(*command: str) -> None:
    ended = subprocess.run(
        [program(command[0]), *command[1:]], check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.needs("promtool", "amtool")
def test_rules_and_configurations_are_valid() -> None:
    check("promtool", "check", "config", str(DEPLOY / "prometheus/prometheus.yml"))  # reads the rules, too
    check("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    check("amtool", "check-config", str(DEPLOY / "prometheus/alertmanager.yml"))


@pytest.mark.needs("promtool")
def test_rules_fire_and_are_silent_when_they_should() -> None:
    check("promtool", "test", "rules", str(DEPLOY / "prometheus/rules_test.yml"))


def test_every_rule_has_a_firing_and_a_silent_series() -> None:
    tested: dict[str, set[bool]] = {}
    tests = yaml.safe_load((DEPLOY / "prometheus/rules_test.yml").read_text())["tests"]
    for test in tests:
        for case in test.get("alert_rule_test", []):
            tested.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    alerts = {rule["alert"]: rule for rule in read_rules() if "alert" in rule}
    assert tested.pop("Watchdog") == {True}  # is never silent
    assert tested == {name: {True, False} for name in alerts.keys() - {"Watchdog"}}
    recorded = " ".join(case["expr"] for test in tests for case in test.get("promql_expr_test", []))
    assert not [rule["record"] for rule in read_rules() if "record" in rule and rule["record"] not in recorded]
    assert {rule["labels"]["severity"] for rule in alerts.values()} == {"page", "ticket", "info"}
    assert alerts["RideDurationDrift"]["labels"]["severity"] == "ticket"


def test_alertmanager_names_alerts_that_exist() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/alertmanager.yml").read_text())
    matchers = [
        matcher for rule in config["inhibit_rules"] for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]
    matchers += [matcher for route in config["route"]["routes"] for matcher in route["matchers"]]
    named = {name for matcher in matchers if "alertname" in matcher for name in re.findall(r"\w+", matcher)} - {
        "alertname"
    }
    assert named
    assert named <= {rule["alert"] for rule in read_rules() if "alert" in rule}


def test_dashboards_say_what_they_show_in_which_unit() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    assert DASHBOARDS
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text())
        assert dashboard["uid"]
        assert dashboard["title"]
        assert dashboard["schemaVersion"] >= 36  # of Grafana 9, from which data sources are objects
        (variable,) = dashboard["templating"]["list"]
        assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", source["type"])
        assert variable["current"]["value"] == source["uid"]
        panels = dashboard["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels) > 5
        for panel in panels:
            assert panel["title"]
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            used = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in used), panel["title"]
            assert panel["type"] in PANEL_TYPES, panel["title"]
            names = [target["refId"] for target in panel["targets"]]
            assert len(set(names)) == len(names) > 0, panel["title"]
            assert all(target["expr"] for target in panel["targets"]), panel["title"]
        taken = [(x, y) for panel in panels for x, y in _cells(panel["gridPos"])]
        assert len(taken) == len(set(taken)), "panels overlap"
        assert max(x for x, _ in taken) < 24


def test_dashboards_have_names_of_their_own() -> None:
    dashboards = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({one["uid"] for one in dashboards}) == len({one["title"] for one in dashboards}) == len(dashboards) > 1
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/ride_duration.yml").read_text())["providers"]
    assert [one["type"] for one in provider] == ["file"]


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


def find_selectors(expression: str) -> Iterator[Any]:
    """All vector selectors of a PromQL expression."""

    def visit(node: Any) -> Iterator[Any]:
        if isinstance(node, promql_parser.VectorSelector):
            yield node
            return
        for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
            child = getattr(node, name, None)
            if isinstance(child, promql_parser.Expr) or child.__class__.__module__.startswith("promql_parser"):
                yield from visit(child)
        for child in getattr(node, "args", None) or []:
            yield from visit(child)

    return visit(promql_parser.parse(expression))


def matches(selector: Any, series: list[Series]) -> bool:
    tests = [(one.name, str(one.op), one.value) for one in selector.matchers.matchers]

    def fits(labels: dict[str, str]) -> bool:
        for name, op, value in tests:
            have = labels.get(name, "")
            equal = have == value if op in ("MatchOp.Equal", "MatchOp.NotEqual") else bool(re.fullmatch(value, have))
            if equal == ("Not" in op):
                return False
        return True

    return any(name == selector.name and fits(labels) for name, labels in series)


def scrape(service: Running) -> list[Series]:
    text = service.get("/metrics").content.decode()
    return [(one.name, one.labels) for family in text_string_to_metric_families(text) for one in family.samples]


class Watched(NamedTuple):
    """A service on a log of the last four weeks, whose answers the monitoring looks at."""

    service: Running
    project: Project
    reported: list[ActualRecord]

    @property
    def store(self) -> str:
        return locate_store(self.service.settings["store"], self.project.root)

    def report(self, records: list[ActualRecord]) -> None:
        """Let reports come in."""
        writer = LogWriter(self.store)
        writer.write(records)
        writer.close()

    def monitor(self) -> str:
        """Run the monitoring, and return its official verdict once the service knows it."""
        before = self.service.get("/monitoring").json["verdict"]
        ended = self.project.kedro(
            "monitor", "run", "--env=test", "--window=last_28d", f"--params=serving.store={self.store}"
        )
        assert ended.code == 0, ended.err
        assert "Exploratory" not in ended.out
        until(lambda: self.service.get("/monitoring").json["verdict"] != before, 180)
        return str(self.service.get("/monitoring").json["verdict"]["verdict"])


@contextmanager
def without_champion(project: Project) -> Iterator[None]:
    with closing(sqlite3.connect(project.data("mlflow/mlflow.db"), timeout=60)) as database:
        aliases = database.execute("SELECT * FROM registered_model_aliases").fetchall()
        assert aliases
        with database:
            database.execute("DELETE FROM registered_model_aliases")
        yield
        with database:
            marks = ", ".join("?" * len(aliases[0]))
            database.executemany(f"INSERT INTO registered_model_aliases VALUES ({marks})", aliases)


@pytest.fixture(scope="module")
def watched(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A service that has refused to be ready, answered rides, and been monitored."""
    project = Project.copy_of(finished, tmp_path_factory.mktemp("watched") / "project")
    few = {"verdict_thresholds": {"min_rides": 5_000}}  # 300 rides a day are fewer than a city's
    (project.root / "conf/test/parameters_monitoring.yml").write_text(yaml.safe_dump(few))
    # Days of today are left out, but should midnight pass in New York while the tests run, it is yesterday.
    today = date.fromisoformat(find_day(time.time()))
    answered, reported = make_answered_log(project, MODEL, today, days=30)
    with without_champion(project):
        service = Running(project.root, MODEL, monitoring_seconds=0.05, alerting=read_defaults())
        service.start()
        assert service.get("/ready").status == 503
    try:
        until(lambda: service.get("/ready").status == 200)
        ride = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4}
        assert service.post("/predict", ride).status == 200
        assert service.post("/actuals", {"ride_id": "1", "duration": 9}).status == 202
        watched = Watched(service, project, reported)
        writer = LogWriter(watched.store)
        writer.write(answered)
        writer.close()
        watched.report(reported)
        assert watched.monitor() in ("ok", "watch")
        yield watched
    finally:
        service.end()


def test_every_selector_of_rules_and_dashboards_matches_a_series_of_a_monitored_service(watched: Watched) -> None:
    series = scrape(watched.service)
    series += [("up", {"job": "ride-duration"})]  # Prometheus' own
    series += [(rule["record"], {}) for rule in read_rules() if "record" in rule]
    expressions = [(RULES.name, rule["expr"]) for rule in read_rules()]
    expressions += [
        (file.name, target["expr"])
        for file in DASHBOARDS
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
    ]
    found = [(place, one) for place, expression in expressions for one in find_selectors(expression)]
    assert len(found) > 50
    assert not {(place, one.name, str(one.matchers)) for place, one in found if not matches(one, series)}
    for absent in ("ride_duration_gone", 'ride_duration_requests_total{status="299"}', 'up{job!="ride-duration"}'):
        (selector,) = find_selectors(absent)
        assert not matches(selector, series)


@contextmanager
def run_program(name: str, *arguments: str, folder: Path) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([program(name), *arguments], stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def hasten(text: str) -> str:
    """The configuration with all waiting cut to seconds; what is waited for stays.

    A scrape may take as long as its interval, and what fires outlives one that comes late: the machine may be loaded.
    """
    text = re.sub(r"\b(for|group_wait|group_interval|evaluation_interval): \w+", r"\1: 1s", text)
    text = re.sub(r"scrape_interval: \w+", "scrape_interval: 5s", text)
    return re.sub(r"keep_firing_for: \w+", "keep_firing_for: 15s", text)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Alerting(NamedTuple):
    """Prometheus, Alertmanager and the receiver that it notifies."""

    receiver: WebhookReceiver
    server: int

    def find_firing(self) -> set[str]:
        """Names of the alerts that Prometheus finds now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server}/api/v1/alerts", timeout=10) as answer:
            return {one["labels"]["alertname"] for one in json.load(answer)["data"]["alerts"]}

    def received(self, path: str, alert: str, status: str) -> list[dict[str, Any]]:
        """The alerts that were delivered to a receiver."""
        return [
            one
            for request in list(self.receiver.requests)
            for one in request.json["alerts"]
            if request.json["receiver"] == path and one["labels"]["alertname"] == alert and one["status"] == status
        ]

    def find_new(self, since: datetime, path: str, alert: str, status: str, at: str = "startsAt") -> list[datetime]:
        """When the delivered alerts began, or ended (`endsAt`); those before an instant are left out."""
        times = [datetime.fromisoformat(one[at]) for one in self.received(path, alert, status)]
        return [time for time in times if time >= since]


@pytest.fixture(scope="module")
def alerting(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerting]:
    """Both servers as configured in `deploy/`, but for addresses and waiting."""
    folder = tmp_path_factory.mktemp("alerting")
    receiver, manager, server = WebhookReceiver(), find_free_port(), find_free_port()
    changes = {"127.0.0.1:9095": f"127.0.0.1:{receiver.port}", "127.0.0.1:9093": f"127.0.0.1:{manager}",
               "127.0.0.1:9696": f"127.0.0.1:{watched.service.port}"}  # fmt: skip
    for name in ("prometheus.yml", "alertmanager.yml", "rules.yml"):
        text = hasten((DEPLOY / "prometheus" / name).read_text())
        for before, after in changes.items():
            text = text.replace(before, after)
        (folder / name).write_text(text)
    with (
        run_program(
            "prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address=127.0.0.1:{manager}",
            "--cluster.listen-address=", folder=folder,
        ),
        run_program(
            "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{server}",
            "--rules.alert.resend-delay=2s",  # for what fires before Alertmanager is found
            folder=folder,
        ),
    ):  # fmt: skip
        until(lambda: is_ready(manager) and is_ready(server), 180)
        yield Alerting(receiver, server)
    receiver.stop()


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_an_incident_that_the_monitoring_finds_is_delivered_and_resolved_once_reports_are_corrected(
    watched: Watched, alerting: Alerting
) -> None:
    """Reports of the last days say half as much again, and are corrected later."""
    broken = [one for one in watched.reported if one.ride_id[:10] >= watched.reported[300].ride_id[:10]]
    assert len(broken) == 600
    now = time.time()
    wrong = [ActualRecord(f"{one.actual_id}-w", one.ride_id, now, min(1.6 * one.duration, 90)) for one in broken]
    watched.report(wrong)
    assert watched.monitor() == "incident"
    until(lambda: alerting.received("pages", "RideDurationIncident", "firing"), 180)
    (alert, *_) = alerting.received("pages", "RideDurationIncident", "firing")
    assert (alert["labels"]["severity"], alert["labels"]["model"]) == ("page", MODEL)
    assert alert["annotations"]["next"] == "kedro monitor status"
    until(lambda: alerting.received("watchdog", "Watchdog", "firing"), 180)

    # not to the very value of the first report, which would come twice
    right = [ActualRecord(f"{one.actual_id}-c", one.ride_id, now + 1, 0.999 * one.duration) for one in broken]
    watched.report(right)
    corrected = datetime.now(UTC)
    assert watched.monitor() in ("ok", "watch")
    until(lambda: alerting.find_new(corrected, "pages", "RideDurationIncident", "resolved", "endsAt"), 180)


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_an_incident_inhibits_drift_which_is_a_ticket_once_it_is_over(watched: Watched, alerting: Alerting) -> None:
    """The rows are written by hand: it is about Alertmanager's rules."""
    about = {"RideDurationIncident", "RideDurationDrift"}
    write_verdict(watched.store, MODEL, "ok", at=time.time(), details={"drifted": [], "incidents": []})
    until(lambda: not about & alerting.find_firing(), 180)
    began = datetime.now(UTC)
    find_new = functools.partial(alerting.find_new, began)
    write_verdict(watched.store, MODEL, "incident", "data", time.time())
    until(lambda: watched.service.get("/monitoring").json["verdict"]["verdict"] == "incident", 180)
    until(lambda: find_new("pages", "RideDurationIncident", "firing"), 180)
    write_verdict(watched.store, MODEL, "ok", at=time.time())
    until(lambda: find_new("pages", "RideDurationIncident", "resolved", "endsAt"), 180)
    # the same drift was there all the time, and is a ticket now that nothing inhibits it
    until(lambda: find_new("tickets", "RideDurationDrift", "firing"), 180)
    drift = min(find_new("tickets", "RideDurationDrift", "firing"))
    assert drift < max(find_new("pages", "RideDurationIncident", "resolved", "endsAt"))
