"""Whatever is asked, the answer is one that the OpenAPI document says."""

from pathlib import Path

from jsonschema import Draft202012Validator

from tests.serving.fuzz import fuzz
from tests.serving.service import Running


def test_made_up_requests_are_answered_as_documented(service: Running, tmp_path: Path) -> None:
    assert fuzz(service, tmp_path, 15) > 300
    assert service.get("/live").json["errors"] == 0


def test_the_document_is_complete(service: Running) -> None:
    document = service.get("/openapi.json").json
    operations = {(path, method): told for path, on in document["paths"].items() for method, told in on.items()}
    assert len(operations) == 13
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
