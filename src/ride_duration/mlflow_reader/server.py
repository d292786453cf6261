"""The REST API of an MLflow server, for reading."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import Request, urlopen

from ride_duration.mlflow_reader.records import TIMEOUT_SECONDS, LoggedModel, StoredRun, StoredVersion, pick_experiments
from ride_duration.mlflow_store import UNTIL

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = 1000


class ServerReader:
    """Reads through the REST API of an MLflow server.

    Args:
        uri: Address of the server.
    """

    #: It is there, or cannot be reached.
    exists = True

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self._server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._headers = _credentials(parts.username, parts.password)

    def experiments(self, name: str) -> list[str]:
        """Ids of the experiment of that name, and of those that had it before; empty if there is none."""
        body = {"filter": f"name LIKE '{name}%'", "view_type": "ALL", "max_results": _PAGE}
        found = self._call("experiments/search", body).get("experiments", [])
        named = [each for each in found if each["name"] == name or each["name"].startswith(name + UNTIL)]
        return pick_experiments(
            name, [(each["experiment_id"], each["name"], each["lifecycle_stage"]) for each in named]
        )

    def runs(self, experiments: Sequence[str]) -> list[StoredRun]:
        """Every run that was not deleted, the newest first."""
        found: list[StoredRun] = []
        body: dict[str, Any] = {"experiment_ids": list(experiments), "max_results": _PAGE}
        body |= {"order_by": ["attributes.start_time DESC"]}
        while experiments:
            page = self._call("runs/search", body)
            found += [_parse_run(run) for run in page.get("runs", [])]
            if not page.get("next_page_token"):
                break
            body["page_token"] = page["next_page_token"]
        return found

    def versions(self, model: str) -> list[StoredVersion]:
        """Every version of a model, in no order."""
        found: list[StoredVersion] = []
        query: dict[str, Any] = {"filter": f"name = '{model}'", "max_results": _PAGE}
        while True:
            page = self._call("model-versions/search", **query)
            for each in page.get("model_versions", []):
                tags = {tag["key"]: tag["value"] for tag in each.get("tags", [])}
                created = int(each["creation_timestamp"])
                found.append(StoredVersion(int(each["version"]), created, each["source"], each.get("run_id", ""), tags))
            if not page.get("next_page_token"):
                return found
            query["page_token"] = page["next_page_token"]

    def champion(self, model: str) -> int | None:
        """The version that the alias names, if there is one."""
        try:
            found = self._call("registered-models/alias", name=model, alias="champion")
        except _ServerError as error:
            if error.code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return int(found["model_version"]["version"])

    def logged_model(self, source: str) -> LoggedModel:
        """Where the files of a version lie; see `StoredVersion.source`."""
        logged = self._call(f"logged-models/{source.removeprefix('models:/')}")["model"]["info"]
        experiment = self._call("experiments/get", experiment_id=logged["experiment_id"])["experiment"]
        return LoggedModel(logged["artifact_uri"], experiment["artifact_location"])

    def artifact(self, run: StoredRun, name: str) -> bytes | None:
        """A file of a run, as the server passes it on; None if it keeps files elsewhere."""
        if not run.artifact_uri.startswith("mlflow-artifacts:/"):
            return None
        path = urlsplit(run.artifact_uri).path.strip("/")
        return self._read(f"api/2.0/mlflow-artifacts/artifacts/{quote(f'{path}/{name}')}")

    def _call(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        return json.loads(self._read(f"api/2.0/mlflow/{path}?{urlencode(query)}", body))

    def _read(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if body is None else {"Content-Type": "application/json"})
        request = Request(f"{self._server}/{path}", data, headers)  # noqa: S310 http(s) alone
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 http(s) alone
                return bytes(answer.read())
        except HTTPError as error:
            raise _ServerError(error) from error


class _ServerError(OSError):
    """An answer that is none; worded as MLflow's client words it, with the server's own code of the error."""

    def __init__(self, error: HTTPError) -> None:
        try:
            self.code = str(json.loads(error.read()).get("error_code"))
        except (ValueError, AttributeError, OSError):
            self.code = ""
        super().__init__(f"request failed with error code {error.code} {error.reason} {self.code}".strip())


def _parse_run(run: dict[str, Any]) -> StoredRun:
    info, data = run["info"], run.get("data", {})
    params, metrics, tags = (
        {each["key"]: each.get("value", "") for each in data.get(name, [])} for name in ("params", "metrics", "tags")
    )
    numbers = {name: float(value) for name, value in metrics.items()}
    return StoredRun(
        info["run_id"], info["status"], int(info.get("start_time", 0)), info["artifact_uri"], params, numbers, tags
    )


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    """Return the header for the credentials of the address, or of the variables that MLflow itself reads."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = unquote(user) if user else os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = unquote(password) if password else os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if not (user and password):
        return {}
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
