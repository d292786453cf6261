"""Who may ask, and how much."""

import json
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.serving.api_keys import OPERATE, add_key, read_keys, remove_key
from ride_duration.serving.http.guard import find_needed_scope
from tests.serving.conftest import Models
from tests.serving.http.test_problems import refused
from tests.support.serving.service import Running

RIDE = {"PULocationID": 10, "DOLocationID": 50}
ACTUAL = {"ride_id": 1, "duration": 3}


NEEDED = {"predict": ("/predict", RIDE), "feedback": ("/actuals", ACTUAL), "operate": ("/deployments", {})}


@pytest.fixture(scope="module")
def keys() -> dict[str, dict[str, str]]:
    """The header of each key that the guarded service knows, by the key's name, which is its scope."""
    return {}


@pytest.fixture(scope="module")
def guarded(models: Models, keys: dict[str, dict[str, str]]) -> Iterator[Running]:
    """A service that requires keys."""
    running = Running(models.project, models.champion().name, require_keys=True)
    for scope in NEEDED:
        made = add_key(running.folder / "api_keys.json", scope, (scope,))
        keys[scope] = {"Authorization": f"Bearer {made}"}
    with running:
        yield running


@pytest.mark.parametrize("scope", NEEDED)
def test_a_key_may_do_what_its_scopes_say(guarded: Running, keys: dict[str, dict[str, str]], scope: str) -> None:
    path, body = NEEDED[scope]
    without = guarded.post(path, body)
    assert f"an API key with the scope `{scope}`" in refused(without, 401)
    assert without.headers["www-authenticate"] == "Bearer"
    assert guarded.post(path, body, **keys[scope]).status == {"predict": 200, "feedback": 202, "operate": 422}[scope]
    for other in NEEDED.keys() - {scope}:
        assert f"lacks the scope `{scope}`" in refused(guarded.post(path, body, **keys[other]), 403)
    assert guarded.get("/models", **keys[scope]).status == 200


def test_probes_and_the_page_need_no_key_and_all_else_does(guarded: Running) -> None:
    for path in ("/", "/page/app.js", "/health", "/ready", "/zones", "/openapi.json"):
        assert guarded.get(path).status == 200, path
    for path in ("/models", "/live", "/version", "/metrics", "/nothing", "/predict/", "//deployments"):
        refused(guarded.get(path), 401)
    document = guarded.get("/openapi.json").json
    assert document["paths"]["/predict"]["post"]["security"] == [{"key": []}]
    for wrong in ("", "Bearer", "Bearer ", "Bearer wrong", "Basic d3Jvbmc6", "Bearer \xff", f"Bearer {'x' * 10_000}"):
        refused(guarded.get("/models", Authorization=wrong), 401)


def written_otherwise(path: str) -> Iterator[str]:
    """Ways to write a path that lead elsewhere."""
    yield from (f"{path}{more}" for more in ("%0A", "%0D%0A", "%00", "%20", "%3Fx", ";x", "/"))
    yield from (f"/{path}", f"/.{path}", path.replace("/", "/%2F"), path.upper(), path.title())


def written_differently(path: str) -> Iterator[str]:
    """Ways to write a path that lead to the same."""
    yield from (f"/%{ord(path[1]):x}{path[2:]}", f"http://localhost{path}")


def test_a_path_that_is_written_otherwise_gives_nobody_more(
    service: Running, guarded: Running, keys: dict[str, dict[str, str]]
) -> None:
    routes = [
        (path, method.upper()) for path, ways in service.get("/openapi.json").json["paths"].items() for method in ways
    ]
    assert len(routes) == 14
    assert not any("{" in path for path, _ in routes)
    for path, method in [*routes, ("/openapi.json", "GET"), ("/page/app.js", "GET")]:
        lesser = keys["predict" if "deployments" in path else "feedback"]
        for running, headers, elsewhere in ((service, {}, 404), (guarded, {}, 401), (guarded, lesser, 404)):
            exact = running.ask(method, path, b"{}", headers).status
            for other in written_otherwise(path):
                refused(running.ask(method, other, b"{}", headers), elsewhere)
            for same in written_differently(path):
                assert running.ask(method, same, b"{}", headers).status == exact, same


def test_a_path_that_nobody_thought_of_needs_the_strictest_key() -> None:
    assert find_needed_scope("/deployments\n", required=False) == OPERATE
    assert find_needed_scope("/drain", required=True) == OPERATE
    assert find_needed_scope("/models", required=False) is None


def test_a_removed_key_is_noticed_and_a_damaged_file_shuts_nobody_out(
    guarded: Running, keys: dict[str, dict[str, str]]
) -> None:
    file = guarded.folder / "api_keys.json"
    made = {"Authorization": f"Bearer {add_key(file, 'new', ('predict',))}"}
    wait_for(lambda: guarded.get("/models", **made).status == 200)
    remove_key(file, "new")
    wait_for(lambda: guarded.get("/models", **made).status == 401)
    before = file.read_bytes()
    file.write_bytes(before[:-10])
    wait_for(lambda: guarded.get("/models", **keys["predict"]).status == 200 and "the keys stay" in guarded.said)
    file.write_bytes(before)


def wait_for(holds: Callable[[], bool]) -> None:
    """The service reads the file of keys once a second."""
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_too_many_requests_of_one_client_are_refused(models: Models) -> None:
    limits = {"requests_per_second": 0.5, "burst": 5}
    running = Running(models.project, models.champion().name, require_keys=True, limits=limits)
    file = running.folder / "api_keys.json"
    eager, other = ({"Authorization": f"Bearer {add_key(file, name, ('predict',))}"} for name in ("eager", "other"))
    with running:
        assert [running.post("/predict", RIDE, **eager).status for _ in range(5)] == [200] * 5
        reply = running.post("/predict", RIDE, **eager)
        assert [running.get(path, **eager).status for path in ("/health", "/ready", "/metrics") * 3] == [200] * 9
        assert refused(reply, 429) == "more than 0.5 requests a second"
        assert 1 <= int(reply.headers["retry-after"]) <= 2
        assert running.post("/predict", RIDE, **other).status == 200
        statuses = [running.post("/predict", RIDE, Authorization=f"Bearer {number}").status for number in range(9)]
        assert set(statuses) == {401, 429}  # who guesses keys is held up, too


def test_keys_are_on_the_disk_as_hashes_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "conf/keys.json"
    made = add_key(file, "dispatch", ("predict", "feedback"))
    assert len(made) > 40
    assert made.encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [(one.name, one.scopes) for one in read_keys(file).values()] == [("dispatch", ("predict", "feedback"))]
    add_key(file, "other", ("operate",))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(RideDurationError, match="there is a key named 'dispatch' already"):
        add_key(file, "dispatch", ("predict",))
    with pytest.raises(RideDurationError, match="no scope 'all'; there are: predict, feedback, operate"):
        add_key(file, "third", ("all",))
    for name in ("", " ", " third", "third\n", "x" * 101):
        with pytest.raises(RideDurationError, match="a key is named after who uses it"):
            add_key(file, name, ("predict",))
    with pytest.raises(RideDurationError, match="no key named 'third'; there are: dispatch, other"):
        remove_key(file, "third")


def test_where_others_reach_it_the_service_does_not_start_without_keys(models: Models) -> None:
    running = Running(models.project, models.champion().name, host="0.0.0.0")
    running.launch()
    assert running.process.wait(30) == 1
    assert "needs API keys" in running.said
    assert "kedro service keys add NAME --scope predict" in running.said
    assert "Traceback" not in running.said


def test_operators_need_a_key_always(service: Running) -> None:
    for path, body in (("/deployments", {"version": 1}), ("/deployments/rollback", {})):
        assert "API key with the scope `operate`" in refused(service.post(path, body), 401)
    refused(service.ask("GET", "/deployments"), 401)


@pytest.mark.parametrize(
    ("name", "status"),
    [("elsewhere.example:9696", 403), ("127.0.0.1.nip.io", 403), ("[::1]:1", 200), ("LocalHost:9696", 200), ("", 200)],
)
def test_without_keys_it_is_asked_under_names_of_this_machine(service: Running, name: str, status: int) -> None:
    assert service.post("/predict", RIDE, Host=name, Origin=f"http://{name}").status == status
    for path in ("/", "/models", "/live", "/metrics", "/health", "/nothing"):
        reply = service.get(path, Host=name)
        assert reply.status == (404 if (path, status) == ("/nothing", 200) else status), path
        if status == 403:
            assert "use 127.0.0.1 or localhost" in refused(reply, 403)


def test_with_keys_pages_come_from_anywhere(guarded: Running, keys: dict[str, dict[str, str]]) -> None:
    headers = {"Host": "rides.example", "Origin": "https://rides.example", **keys["predict"]}
    assert guarded.post("/predict", RIDE, **headers).status == 200
    assert guarded.get("/", Host="rides.example").status == 200


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_pages_of_other_sites_are_refused(service: Running, origin: str) -> None:
    refused(service.post("/predict", RIDE, Origin=origin), 403)
    refused(service.get("/", Origin=origin), 403)


def test_the_services_own_page_may_ask(service: Running) -> None:
    assert service.post("/predict", RIDE, Origin=service.url).status == 200


def test_the_page_runs_nothing_but_its_own_scripts(service: Running) -> None:
    page = service.get("/")
    assert page.status == 200
    policy = dict(rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert b"style=" not in page.content
    assert b"<script>" not in page.content
    for name in ("app.js", "style.css", "icon.svg"):
        assert (
            service.get(f"/page/{name}").headers["content-security-policy"] == page.headers["content-security-policy"]
        )
    again = service.ask("GET", "/", None, {"If-None-Match": page.headers["etag"]})
    assert (again.status, again.content) == (304, b"")
    head = service.ask("HEAD", "/")
    assert (head.status, head.content, head.headers["content-length"]) == (200, b"", str(len(page.content)))


def test_answers_are_kept_by_nobody_and_taken_for_nothing_else(service: Running) -> None:
    for reply in (
        service.post("/predict", RIDE),
        service.post("/predict", {}),
        service.get("/models"),
        service.get("/x"),
    ):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


def test_batches_beyond_those_that_may_wait_are_told_to_come_again_and_hold_up_no_others(
    models: Models, started: Callable[..., Running]
) -> None:
    running = started(models.champion(), limits={"concurrency": 4, "batches": 4})
    batch = json.dumps({"rides": [RIDE] * 1000}).encode()
    head = b"POST /predict/batch HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(batch)
    connections = [running.connect() for _ in range(30)]
    for connection in connections:
        connection.sendall(head + batch)
    for path in ("/health", "/ready", "/metrics", "/models"):
        assert running.get(path).status == 200, "they wait for no batch"
    assert [running.post("/predict", RIDE).status for _ in range(10)] == [200] * 10
    answers = [connection.recv(2000) for connection in connections]
    statuses = {answer.split(b" ", 2)[1] for answer in answers}
    assert statuses == {b"200", b"503"}
    assert all(b"retry-after: 1" in answer for answer in answers if answer.split(b" ", 2)[1] == b"503")
    for connection in connections:
        connection.close()
