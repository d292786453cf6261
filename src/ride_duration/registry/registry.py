"""The registry of one model: its versions, its champion, and every decision about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.errors import DecisionRefused, IntegrityError, NotFound, RegistryUnavailable, RideDurationError
from ride_duration.mlflow_reader import open_reader
from ride_duration.mlflow_store import RELEASES, connect, locate_store, owner_tags
from ride_duration.registry.decision_lock import lock_decisions
from ride_duration.registry.decision_log import DecisionLog, OpenDecisionLog
from ride_duration.registry.decisions import (
    ChampionTenure,
    Decision,
    champion_tenures,
    previous_champion,
)
from ride_duration.registry.packages import fingerprint, load_verified
from ride_duration.registry.reader import RegistryReader
from ride_duration.registry.rules import (
    check_can_be_approved,
    check_can_be_promoted,
    check_can_be_rejected,
    check_can_challenge,
    check_comparable,
    check_report_is_current,
)
from ride_duration.registry.versions import Version, describe_version
from ride_duration.storage_errors import describe_storage_failure

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredRun, StoredVersion
    from ride_duration.model_package import ModelPackage

CHAMPION = "champion"


def model_name(service: str, source: str) -> str:
    """Name of the registered model: taxis of one service, months of one source."""
    return f"ride-duration-{service}-{source}"


class Registry:
    """Versions of one model.

    Args:
        project: Folder of the project; one command at a time may decide in it.
        settings: `uri` and `artifacts` of the tracking store.
        name: Of the registered model.
    """

    def __init__(self, project: Path, settings: dict[str, str], name: str) -> None:
        self.project = project
        self._settings = settings
        self._client: Any = None
        self._store = open_reader(project, settings)
        self._packages = RegistryReader(project, settings, name)
        self.name = name

    def versions(self) -> list[Version]:
        """Every version, the newest first."""
        with self._reading():
            log, versions = self._read_log(), self._versions()
        return [describe_version(found, log) for _, found in sorted(versions.items(), reverse=True)]

    def version(self, number: int) -> Version:
        """One version.

        Raises:
            NotFound: There is no version of that number.
        """
        with self._reading():
            return describe_version(self._version(number), self._read_log())

    def champion(self) -> int | None:
        """Return the champion, if there is one."""
        with self._reading():
            return self._store.champion(self.name)

    def history(self) -> list[ChampionTenure]:
        """Return who was champion from when to when, the oldest first."""
        return champion_tenures(self.decisions())

    def decisions(self) -> list[Decision]:
        """Return every decision that came about, the oldest first; among them gates that failed."""
        with self._reading():
            return self._read_log().decisions

    def package(self, version: int, threads: int = 1) -> ModelPackage:
        """Load the package of a version, after comparing each hash, and the whole with what was registered.

        Raises:
            NotFound: There is no such version.
            IntegrityError: A file was changed, or another package lies there.
        """
        with self._reading():
            return self._load(self._version(version), threads)

    def note_gate(self, report: dict[str, Any], page: str, run_id: str, by: str) -> str:
        """Keep what a gate found.

        Args:
            report: `passed`, `verdict`, the `champion` that was compared with, and the checks with their evidence.
            page: The same for people, as HTML.
            run_id: The run that trained the model.
            by: Who ran it.

        Returns:
            Id of the run that keeps it.

        Raises:
            RideDurationError: The champion is another one now.
        """
        with self._deciding() as log:
            check_report_is_current(report["champion"], log)
            passed = str(report["passed"]).lower()
            gate = log.open("gate", None, by, report["verdict"], passed=passed, trained_by=run_id)
            self._client.log_dict(gate.run_id, report, "gate_report.json")
            self._client.log_text(gate.run_id, page, "gate_report.html")
            return log.finish(gate).run_id

    def register(
        self, model_uri: str, run_id: str, gate: str, approval: str, facts: dict[str, str], package: ModelPackage
    ) -> int:
        """Make a package a version.

        Args:
            model_uri: Where MLflow keeps it.
            run_id: The run that trained it.
            gate: The run that keeps its gate.
            approval: `auto`, or `manual` for a person to decide.
            facts: Noted with the version.
            package: What lies there; its fingerprint is noted, too.

        Returns:
            Its number.
        """
        import mlflow

        tags = {**facts, **fingerprint(package), "approval": approval, "gate": gate, "trained_by": run_id}
        with self._deciding():
            with redirect_stderr(StringIO()):  # MLflow says there what we say in better words
                made = mlflow.register_model(model_uri, self.name, tags=tags)
            for run in (gate, run_id):  # a link for those who look in MLflow's own pages; nothing here reads it
                self._client.set_tag(run, "model_version", made.version)
        return int(made.version)

    def promote(self, version: int, by: str, why: str) -> Decision:
        """Make a candidate the champion, or a former champion once more.

        Raises:
            RideDurationError: There is no such version, it is champion already, awaits approval or was rejected, it
                its gate compared it with another champion, or its package was changed.
        """
        with self._deciding() as log:
            found = self._version(version)
            check_can_be_promoted(found, log)
            return self._move(log, "promotion", found, by, why)

    def challenged_by(self, version: int, *, approved: bool = False) -> int:
        """The champion that a version may take over from, as `promote` or `approve` would do at once.

        Args:
            version: The challenger.
            approved: Whether a person approves of it if it passes all stages; needed where it awaits approval.

        Raises:
            RideDurationError: There is no champion yet, the decision would be refused, or both answer different rides.
        """
        with self._deciding() as log:
            found = self._version(version)
            champion = check_can_challenge(found, log, approved=approved)
            package = self._check(found, champion)
            from ride_duration.model_package import ModelPackage

            rival = ModelPackage.load(self._packages.released(champion).folder, 1, champion)
            check_comparable(found, log, package, rival)
            return champion

    def approve(self, version: int, by: str, why: str) -> Decision:
        """Make a version that awaits approval the champion.

        Raises:
            DecisionRefused: It does not await approval, its gate compared it with another champion, or its package
                was changed.
        """
        with self._deciding() as log:
            found = self._version(version)
            check_can_be_approved(found, log)
            return self._move(log, "approval", found, by, why)

    def reject(self, version: int, by: str, why: str) -> Decision:
        """Refuse a version that was never champion, for good.

        Raises:
            RideDurationError: There is no such version, it is or was champion, or it was rejected before.
        """
        with self._deciding() as log:
            found = self._version(version)
            check_can_be_rejected(found, log)
            return log.finish(log.open("rejection", version, by, why, gate=found.tags.get("gate", "")))

    def rollback(self, by: str, why: str) -> Decision:
        """Make the champion's predecessor champion again; where the alias was taken away, the one that it named.

        Raises:
            RideDurationError: There is none, or its package was changed.
        """
        with self._deciding() as log:
            previous = previous_champion(log.decisions)
            if previous is None:
                raise DecisionRefused(
                    "there is no earlier champion to go back to; `kedro models history` shows who was champion"
                )
            return self._move(log, "rollback", self._version(previous), by, why)

    def _check(self, found: StoredVersion, champion: int | None) -> ModelPackage:
        """The package; refuses a version that is champion, or whose files are not as they were registered."""
        version = found.number
        if version == champion:
            raise DecisionRefused(f"version {version} is the champion already")
        try:
            return self._load(found)
        except IntegrityError as error:
            stays = "there is still no champion" if champion is None else f"version {champion} stays champion"
            raise DecisionRefused(f"version {version} cannot become champion: {error}; {stays}") from error

    def _move(self, log: OpenDecisionLog, kind: str, found: StoredVersion, by: str, why: str) -> Decision:
        version = found.number
        self._check(found, log.champion)
        decision = log.open(kind, version, by, why, gate=found.tags.get("gate", ""))
        self._client.set_registered_model_alias(self.name, CHAMPION, str(version))
        return log.finish(decision)

    def _version(self, version: int) -> StoredVersion:
        versions = self._versions()
        if version not in versions:
            there = ", ".join(str(number) for number in sorted(versions)) or "none yet; `kedro run` releases the first"
            raise NotFound(f"there is no version {version} of {self.name}; there are: {there}")
        return versions[version]

    def _versions(self) -> dict[int, StoredVersion]:
        return {version.number: version for version in self._store.versions(self.name)}

    def _load(self, found: StoredVersion, threads: int = 1) -> ModelPackage:
        folder = self._packages.released(found.number).folder
        return load_verified(folder, found.number, found.tags, threads)

    def _read_log(self) -> DecisionLog:
        return DecisionLog(self._decision_runs(), self._store.champion(self.name))

    def _decision_runs(self) -> list[StoredRun]:
        runs = self._store.runs(self._store.experiments(RELEASES))
        return [run for run in runs if run.tags.get("model") == self.name]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Say in one sentence why the store cannot be read.

        Raises:
            RegistryUnavailable: It cannot.
        """
        try:
            yield
        except RideDurationError:
            raise
        except Exception as error:  # of SQLAlchemy, of each driver, of a server
            raise RegistryUnavailable(describe_storage_failure(error, self._settings["uri"])) from error

    @contextmanager
    def _deciding(self) -> Iterator[OpenDecisionLog]:
        """Let one command at a time decide, with the decisions as they stand; what a kill left half-made is repaired.

        Raises:
            RegistryUnavailable: Another command does not let go, or MLflow's store cannot be opened.
            ConfigurationError: MLflow is not installed.
        """
        store = locate_store(self.project, self._settings)
        with lock_decisions(store.file.parent if store.file else self.project / "data"):
            experiment = connect(self.project, self._settings, RELEASES)
            import mlflow

            self._client = mlflow.MlflowClient()
            owner = owner_tags(self.project)

            def is_own(run: StoredRun) -> bool:  # whoever had the lock before has ended
                same_folder = run.tags.get("folder") in (None, owner["folder"])
                same_place = all(run.tags.get(name) == owner[name] for name in ("host", "project"))
                return store.is_own or (same_place and same_folder)

            with self._reading():
                runs, champion = self._decision_runs(), self._store.champion(self.name)
            tags = {"model": self.name, **owner}
            yield OpenDecisionLog(runs, champion, self._client, experiment, tags, is_own)
