"""Whatever is asked, the answer is one that the OpenAPI document says."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from jsonschema import Draft202012Validator

from tests.support.serving.fuzz import fuzz
from tests.support.serving.service import Running

RIDE = {"PULocationID": 10, "DOLocationID": 50}


def test_made_up_requests_are_answered_as_documented(service: Running, tmp_path: Path) -> None:
    before = service.get("/live").json["errors"]  # other tests of this service ask for 501 and 503 on purpose
    assert fuzz(service, tmp_path, 15) > 300
    assert service.get("/live").json["errors"] == before


def test_the_document_is_complete(service: Running) -> None:
    document = service.get("/openapi.json").json
    operations = {(path, method): told for path, on in document["paths"].items() for method, told in on.items()}
    assert len(operations) == 14
    for (path, method), told in operations.items():
        assert told["summary"], path
        assert {"403", "429", "500", "503"} <= set(told["responses"]), path
        good = next(response for status, response in told["responses"].items() if status.startswith("2"))
        assert good["content"], path
        if method == "post":
            content = told["requestBody"]["content"]["application/json"]
            assert content["examples"], path
            for example in content["examples"].values():
                schema = {**content["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(example["value"])
    assert {path for (path, _), told in operations.items() if "security" in told} == {
        "/deployments",
        "/deployments/rollback",
    }
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description"), name


def test_the_document_takes_each_moment_of_its_years(service: Running) -> None:
    moment = service.get("/openapi.json").json["components"]["schemas"]["Ride"]["properties"]["pickup_datetime"]
    [pattern] = [kind["pattern"] for kind in moment["anyOf"] if "pattern" in kind]
    days = [datetime(2009, 1, 1) + timedelta(days=day) for day in range(31 * 366)]
    assert {day.year for day in days if re.search(pattern, day.isoformat())} == set(range(2009, 2040))
    assert all(re.search(pattern, day.isoformat()) for day in days if day.year < 2040)
    for moment in ("2024-02-29T10:00:00+14:00", "2021-01-01T23:59:59.1234567-23:59", "2021-07-01t00:00:00z"):
        assert re.search(pattern, moment)
        assert service.post("/predict", RIDE | {"pickup_datetime": moment}).status == 200, moment
    for no_moment in ("2023-02-29T10:00:00", "2021-04-31T00:00:00", "2021-01-01", "2021-01-01T24:00:00", "2040-01-01"):
        assert not re.search(pattern, no_moment)
        assert service.post("/predict", RIDE | {"pickup_datetime": no_moment}).status == 422, no_moment


def test_the_docs_are_a_page_that_needs_no_network(service: Running) -> None:
    reply = service.get("/docs")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    page = reply.content.decode()
    document = service.get("/openapi.json").json
    for path, on in document["paths"].items():
        for method, told in on.items():
            assert f"<code>{method.upper()} {path}</code>" in page
            assert f'id="{told["operationId"]}"' in page
    for name, schema in document["components"]["schemas"].items():
        assert f'<section id="{name}">' in page
        assert all(f"<code>{field}</code>" in page for field in schema.get("properties", {}))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    linked = set(re.findall(r'(?:href|src)="([^"#]+)"', page))
    assert linked == {"page/icon.svg", "page/docs.css", "openapi.json", "./"}
    assert all(service.get(f"/{address.removeprefix('./')}").status == 200 for address in linked)
    assert "<script" not in page
    assert "style=" not in page
    [example, *_] = re.findall(r"<pre>curl localhost:9696/predict -d '([^<]*)'</pre>", page.replace("&#x27;", "'"))
    assert service.post("/predict", example.replace("&quot;", '"').encode()).status == 200
