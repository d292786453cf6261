"""The registry of one model: its versions, its champion, and every decision about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import cached_property, wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

from ride_duration.errors import RideDurationError
from ride_duration.mlflow_store import connect
from ride_duration.model_package import ModelPackage
from ride_duration.registry.decisions import MOVING, Decision, Reign, previous_champion, reigns

if TYPE_CHECKING:
    import pandas as pd

CHAMPION = "champion"
RELEASES = "releases"

#: Where a package lies inside the MLflow model that it is logged as.
_DATA = "data"

#: The TLC's own id for a zone that is not known, for examples: MLflow takes no missing integers.
_UNKNOWN_ZONE = 264

#: How long to wait for another command that decides (seconds); each takes less than one.
_PATIENCE = 60


class Version(NamedTuple):
    """A registered package.

    Attributes:
        number: Counted by the registry.
        status: champion, former champion, candidate, awaiting approval or rejected.
        run_id: The MLflow run that trained it.
        tags: What was noted when it was registered: months, RMSE in minutes, identity of the package.
    """

    number: int
    status: str
    run_id: str
    tags: dict[str, str]


def model_name(service: str, source: str) -> str:
    """Name of the registered model: taxis of one service, months of one source."""
    return f"ride-duration-{service}-{source}"


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _deciding(method: Callable[Concatenate[Registry, _P], _T]) -> Callable[Concatenate[Registry, _P], _T]:
    """One decision at a time, and first an end to what a kill left open."""

    @wraps(method)
    def alone(self: Registry, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with self._alone():
            self._close_open()
            return method(self, *args, **kwargs)

    return cast("Callable[Concatenate[Registry, _P], _T]", alone)


class Registry:
    """Versions of one model.

    Args:
        project: Folder of the project; one command at a time may decide in it.
        settings: `uri` and `artifacts` of the tracking store.
        name: Of the registered model.
    """

    def __init__(self, project: Path, settings: dict[str, str], name: str) -> None:
        self._project = project
        self._settings = settings
        self.name = name

    @_deciding
    def versions(self) -> list[Version]:
        """Every version, the newest first."""
        decisions, champion = self._decisions(), self._champion()
        found = self._client.search_model_versions(f"name = '{self.name}'")
        numbered = sorted(found, key=lambda version: int(version.version), reverse=True)
        return [
            Version(int(each.version), _status(each, decisions, champion), each.run_id or "", dict(each.tags))
            for each in numbered
        ]

    @_deciding
    def champion(self) -> int | None:
        """The version that answers, if there is one."""
        return self._champion()

    @_deciding
    def history(self) -> list[Reign]:
        """Who was champion from when to when, the oldest first."""
        return reigns(self._decisions())

    def package_folder(self, version: int) -> Path:
        """Where the package of a version lies; a store elsewhere is copied from.

        Raises:
            RideDurationError: There is no such version, or its files are gone.
        """
        import mlflow

        self._tags_of(version)
        try:
            root = Path(mlflow.artifacts.download_artifacts(f"models:/{self.name}/{version}"))
        except (OSError, mlflow.MlflowException) as error:
            raise RideDurationError(f"the files of version {version} are gone ({_first_line(error)})") from error
        [folder] = [path for path in (root / _DATA).iterdir() if path.is_dir()]
        return folder

    def package(self, version: int, threads: int = 1) -> ModelPackage:
        """The package of a version, after each hash was compared.

        Raises:
            RideDurationError: There is no such version, or a file was changed.
        """
        return ModelPackage.load(self.package_folder(version), threads, version)

    @_deciding
    def note_gate(self, report: dict[str, Any], page: str, run_id: str, by: str) -> str:
        """Keep what a gate found.

        Args:
            report: `passed`, `verdict` and the checks with their evidence.
            page: The same for people, as HTML.
            run_id: The run that trained the model.
            by: Who ran it.

        Returns:
            Id of the run that keeps it.
        """
        gate = self._open("gate", None, by, report["verdict"], {"passed": str(report["passed"]).lower()})
        self._client.set_tag(gate, "trained_by", run_id)
        self._client.log_dict(gate, report, "gate_report.json")
        self._client.log_text(gate, page, "gate_report.html")
        self._client.set_terminated(gate, "FINISHED")
        return gate

    @_deciding
    def register(self, model_uri: str, run_id: str, gate: str, approval: str, facts: dict[str, str]) -> int:
        """Make a package a version.

        Args:
            model_uri: Where MLflow keeps it.
            run_id: The run that trained it.
            gate: The run that keeps its gate.
            approval: `auto`, or `manual` for a person to decide.
            facts: Noted with the version.

        Returns:
            Its number.
        """
        import mlflow

        tags = {**facts, "approval": approval, "gate": gate}
        with redirect_stderr(StringIO()):  # MLflow says there what we say in better words
            made = mlflow.register_model(model_uri, self.name, tags=tags)
        self._client.set_tag(gate, "version", made.version)
        self._client.set_tag(run_id, "model_version", made.version)
        return int(made.version)

    @_deciding
    def promote(self, version: int, by: str, why: str) -> None:
        """Make a version the champion.

        Raises:
            RideDurationError: There is no such version, it is champion already, awaits approval or was rejected, or
                its package was changed.
        """
        status = self._known_status(version)
        if status in ("awaiting approval", "rejected"):
            raise RideDurationError(
                f"version {version} is {status}; "
                f"`kedro models approve {version} --by NAME --why TEXT` lets it become champion"
                if status == "awaiting approval"
                else f"version {version} was rejected; train and release a better one"
            )
        self._move("promotion", version, by, why)

    @_deciding
    def approve(self, version: int, by: str, why: str) -> None:
        """Make a version that awaits approval the champion.

        Raises:
            RideDurationError: It does not await approval, or its package was changed.
        """
        self._refuse_unless_awaiting(version, "approved")
        self._move("approval", version, by, why)

    @_deciding
    def reject(self, version: int, by: str, why: str) -> None:
        """Refuse a version that awaits approval, for good.

        Raises:
            RideDurationError: It does not await approval.
        """
        self._refuse_unless_awaiting(version, "rejected")
        self._client.set_terminated(self._open("rejection", version, by, why), "FINISHED")

    @_deciding
    def rollback(self, by: str, why: str) -> int:
        """Make the champion's predecessor champion again.

        Returns:
            Its number.

        Raises:
            RideDurationError: There is none, or its package was changed.
        """
        previous = previous_champion(self._decisions())
        if previous is None:
            raise RideDurationError("there is no earlier champion to go back to; `kedro models history` shows them all")
        self._move("rollback", previous, by, why)
        return previous

    def _move(self, kind: str, version: int, by: str, why: str) -> None:
        if version == self._champion():
            raise RideDurationError(f"version {version} is the champion already")
        self.package(version)
        decision = self._open(kind, version, by, why)
        self._client.set_registered_model_alias(self.name, CHAMPION, str(version))
        self._client.set_terminated(decision, "FINISHED")

    def _open(self, kind: str, version: int | None, by: str, why: str, more: dict[str, str] | None = None) -> str:
        last = max((int(run.data.tags["number"]) for run in self._runs("")), default=0)
        previous = self._champion()
        tags = {"model": self.name, "number": str(last + 1), "kind": kind, "by": by, "why": why, **(more or {})}
        tags |= {"version": str(version)} if version else {}
        tags |= {"previous": str(previous)} if previous else {}
        run = self._client.create_run(self._experiment, tags=tags, run_name=f"{kind} {version or ''}".strip())
        return str(run.info.run_id)

    def _close_open(self) -> None:
        """End what a kill left RUNNING: it came about just if the alias says so."""
        for run in self._runs(" AND attributes.status = 'RUNNING'"):
            tags = run.data.tags
            done = tags["kind"] in MOVING and tags.get("version") == str(self._champion())
            self._client.set_terminated(run.info.run_id, "FINISHED" if done else "KILLED")

    def _decisions(self) -> list[Decision]:
        runs = self._runs(" AND attributes.status = 'FINISHED'")
        return sorted(Decision.of_run(run) for run in runs)

    def _runs(self, condition: str) -> list[Any]:
        wanted = f"tags.model = '{self.name}'{condition}"
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment], wanted, max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _champion(self) -> int | None:
        if not self._is_there:
            return None
        champion = self._client.get_registered_model(self.name).aliases.get(CHAMPION)
        return int(champion) if champion else None

    @property
    def _is_there(self) -> bool:
        return bool(self._client.search_registered_models(f"name = '{self.name}'"))

    def _tags_of(self, version: int) -> Any:
        found = self._client.search_model_versions(f"name = '{self.name}'") if self._is_there else []
        numbers = {int(each.version): each for each in found}
        if version not in numbers:
            there = ", ".join(str(number) for number in sorted(numbers)) or "none yet; `kedro run` releases the first"
            raise RideDurationError(f"there is no version {version} of {self.name}; there are: {there}")
        return numbers[version]

    def _known_status(self, version: int) -> str:
        return _status(self._tags_of(version), self._decisions(), self._champion())

    def _refuse_unless_awaiting(self, version: int, done: str) -> None:
        status = self._known_status(version)
        if status != "awaiting approval":
            raise RideDurationError(f"version {version} cannot be {done}: it is {status}; see `kedro models list`")

    @cached_property
    def _experiment(self) -> str:
        return connect(self._project, self._settings, RELEASES)

    @cached_property
    def _client(self) -> Any:
        _ = self._experiment
        import mlflow

        return mlflow.MlflowClient()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        import filelock

        folder = self._project / "data"
        folder.mkdir(exist_ok=True)
        try:
            with filelock.FileLock(folder / ".registry.lock", timeout=_PATIENCE):
                yield
        except filelock.Timeout:
            raise RideDurationError(
                f"another command has been deciding about models for {_PATIENCE} s; wait for it, then try again"
            ) from None


def log_package(folder: Path, metadata: dict[str, Any]) -> str:
    """Log a package as an MLflow model (pyfunc) of the active run, with its signature and an input example.

    Returns:
        The address by which MLflow knows it.
    """
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    asked = Schema(
        [
            ColSpec("long", "PULocationID"),
            ColSpec("long", "DOLocationID"),
            ColSpec("datetime", "pickup_datetime"),
            ColSpec("double", "trip_distance", required=False),
        ]
    )
    answered = Schema([ColSpec("double", name) for name in ("duration", "lower", "upper")])
    logged = mlflow.pyfunc.log_model(
        name="model_package",
        loader_module="ride_duration.model_package.pyfunc",
        data_path=str(folder),
        signature=ModelSignature(inputs=asked, outputs=answered),
        input_example=_example(json.loads((folder / "golden_rides.json").read_text())["rides"][:2]),
        pip_requirements=["ride_duration"],
        metadata=metadata,
    )
    return str(logged.model_uri)


def _example(rides: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    zones = ["PULocationID", "DOLocationID"]
    example = pd.DataFrame(rides).assign(pickup_datetime=lambda frame: pd.to_datetime(frame["pickup_datetime"]))
    example[zones] = example[zones].astype("Float64").fillna(_UNKNOWN_ZONE).astype("int64")
    example["trip_distance"] = example["trip_distance"].astype(float)
    return example


def _status(version: Any, decisions: list[Decision], champion: int | None) -> str:
    number = int(version.version)
    if number == champion:
        return "champion"
    about = [decision.kind for decision in decisions if decision.version == number]
    if "rejection" in about:
        return "rejected"
    if set(about) & set(MOVING):
        return "former champion"
    return "awaiting approval" if version.tags.get("approval") == "manual" else "candidate"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
