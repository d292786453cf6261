"""The registry of one model: its versions, its champion, and every decision about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from ride_duration.errors import DecisionRefused, NotFound, RegistryUnavailable, RideDurationError
from ride_duration.mlflow_store import connect, experiments_before
from ride_duration.model_package import ModelPackage
from ride_duration.registry.decision_log import Journal
from ride_duration.registry.decisions import Decision, Reign, previous_champion, reigns
from ride_duration.registry.packages import folder_of_package, open_sealed, seal
from ride_duration.registry.rules import (
    refuse_report_against_another,
    refuse_unless_approvable,
    refuse_unless_comparable,
    refuse_unless_promotable,
    refuse_unless_rejectable,
    refuse_unless_rival,
    status,
)
from ride_duration.storage_errors import is_missing

CHAMPION = "champion"
RELEASES = "releases"

#: How long to wait for another command that decides (seconds); each takes less than one.
_PATIENCE = 60


class Version(NamedTuple):
    """A registered package.

    Attributes:
        number: Counted by the registry.
        status: champion, former champion, candidate, awaiting approval or rejected.
        run_id: The MLflow run that trained it.
        tags: What was noted when it was registered: months, RMSE in minutes, the seal of the package.
        released: When it was registered (UTC).
    """

    number: int
    status: str
    run_id: str
    tags: dict[str, str]
    released: datetime


def _describe(found: Any, journal: Journal) -> Version:
    return Version(
        int(found.version),
        status(found, journal),
        found.tags.get("trained_by", found.run_id) or "",
        dict(found.tags),
        datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
    )


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
        self.name = name

    def versions(self) -> list[Version]:
        """Every version, the newest first."""
        with self._alone() as journal:
            return [_describe(found, journal) for _, found in sorted(self._versions().items(), reverse=True)]

    def version(self, number: int) -> Version:
        """One version.

        Raises:
            NotFound: There is no version of that number.
        """
        with self._alone() as journal:
            return _describe(self._version(number), journal)

    def champion(self) -> int | None:
        """The version that answers, if there is one."""
        with self._alone() as journal:
            return journal.champion

    def history(self) -> list[Reign]:
        """Who was champion from when to when, the oldest first."""
        return reigns(self.decisions())

    def decisions(self) -> list[Decision]:
        """Every decision that came about, the oldest first; among them gates that failed."""
        with self._alone() as journal:
            return journal.decisions

    def package(self, version: int, threads: int = 1) -> ModelPackage:
        """The package of a version, after each hash was compared, and the whole with what was registered.

        Raises:
            RideDurationError: There is no such version, a file was changed, or another package lies there.
        """
        with self._alone():
            found = self._version(version)
            return open_sealed(self._folder(found), version, found.tags, threads)

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
        with self._alone() as journal:
            refuse_report_against_another(report["champion"], journal)
            passed = str(report["passed"]).lower()
            gate = journal.open("gate", None, by, report["verdict"], passed=passed, trained_by=run_id)
            self._client.log_dict(gate.run_id, report, "gate_report.json")
            self._client.log_text(gate.run_id, page, "gate_report.html")
            return journal.finish(gate).run_id

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
            package: What lies there; its seal is noted, too.

        Returns:
            Its number.
        """
        import mlflow

        tags = {**facts, **seal(package), "approval": approval, "gate": gate, "trained_by": run_id}
        with self._alone():
            with redirect_stderr(StringIO()):  # MLflow says there what we say in better words
                made = mlflow.register_model(model_uri, self.name, tags=tags)
            for run in (gate, run_id):  # a link for those who look in MLflow's own pages; nothing here reads it
                self._client.set_tag(run, "model_version", made.version)
        return int(made.version)

    def promote(self, version: int, by: str, why: str) -> Decision:
        """Make a candidate the champion, or a former champion once more.

        Raises:
            RideDurationError: There is no such version, it is champion already, awaits approval or was rejected, it
                was judged against another champion, or its package was changed.
        """
        with self._alone() as journal:
            found = self._version(version)
            refuse_unless_promotable(found, journal)
            return self._move(journal, "promotion", found, by, why)

    def challenged_by(self, version: int, *, approved: bool = False) -> int:
        """The champion that a version may take over from, as `promote` or `approve` would do at once.

        Args:
            version: The challenger.
            approved: Whether a person approves of it if it passes all stages; needed where it awaits approval.

        Raises:
            RideDurationError: There is no champion yet, the decision would be refused, or both answer different rides.
        """
        with self._alone() as journal:
            found = self._version(version)
            champion = refuse_unless_rival(found, journal, approved=approved)
            package, rival = self._check(found, champion), self._folder(self._version(champion))
            refuse_unless_comparable(found, journal, package, ModelPackage.load(rival, 1, champion))
            return champion

    def approve(self, version: int, by: str, why: str) -> Decision:
        """Make a version that awaits approval the champion.

        Raises:
            RideDurationError: It does not await approval, it was judged against another champion, or its package was
                changed.
        """
        with self._alone() as journal:
            found = self._version(version)
            refuse_unless_approvable(found, journal)
            return self._move(journal, "approval", found, by, why)

    def reject(self, version: int, by: str, why: str) -> Decision:
        """Refuse a version that was never champion, for good.

        Raises:
            RideDurationError: There is no such version, it is or was champion, or it was rejected before.
        """
        with self._alone() as journal:
            found = self._version(version)
            refuse_unless_rejectable(found, journal)
            return journal.finish(journal.open("rejection", version, by, why, gate=found.tags.get("gate", "")))

    def rollback(self, by: str, why: str) -> Decision:
        """Make the champion's predecessor champion again; where the alias was taken away, the one that it named.

        Raises:
            RideDurationError: There is none, or its package was changed.
        """
        with self._alone() as journal:
            previous = previous_champion(journal.decisions)
            if previous is None:
                raise DecisionRefused(
                    "there is no earlier champion to go back to; `kedro models history` shows who was champion"
                )
            return self._move(journal, "rollback", self._version(previous), by, why)

    def _check(self, found: Any, champion: int | None) -> ModelPackage:
        """The package; refuses a version that is champion, or whose files are not as they were registered."""
        version = int(found.version)
        if version == champion:
            raise DecisionRefused(f"version {version} is the champion already")
        try:
            return open_sealed(self._folder(found), version, found.tags)
        except RideDurationError as error:
            stays = "there is still no champion" if champion is None else f"version {champion} stays champion"
            raise DecisionRefused(f"version {version} cannot become champion: {error}; {stays}") from error

    def _move(self, journal: Journal, kind: str, found: Any, by: str, why: str) -> Decision:
        version = int(found.version)
        self._check(found, journal.champion)
        decision = journal.open(kind, version, by, why, gate=found.tags.get("gate", ""))
        self._client.set_registered_model_alias(self.name, CHAMPION, str(version))
        return journal.finish(decision)

    def _version(self, version: int) -> Any:
        versions = self._versions()
        if version not in versions:
            there = ", ".join(str(number) for number in sorted(versions)) or "none yet; `kedro run` releases the first"
            raise NotFound(f"there is no version {version} of {self.name}; there are: {there}")
        return versions[version]

    def _versions(self) -> dict[int, Any]:
        found = self._client.search_model_versions(f"name = '{self.name}'")
        return {int(version.version): version for version in found}

    def _folder(self, found: Any) -> Path:
        return folder_of_package(self._client, found, self.project / self._settings["artifacts"])

    @contextmanager
    def _alone(self) -> Iterator[Journal]:
        """One command at a time, with the journal as it stands, read anew.

        Raises:
            RegistryUnavailable: Another command does not let go, or MLflow's store cannot be opened.
            ConfigurationError: MLflow is not installed.
        """
        import filelock

        folder = self.project / "data"
        folder.mkdir(exist_ok=True)
        try:
            lock = filelock.FileLock(folder / ".registry.lock").acquire(timeout=_PATIENCE)
        except filelock.Timeout:
            raise RegistryUnavailable(
                f"another command has been deciding about models for {_PATIENCE} s; wait for it, then try again"
            ) from None
        with lock:
            yield self._journal()

    def _journal(self) -> Journal:
        experiment = connect(self.project, self._settings, RELEASES)
        import mlflow

        self._client = mlflow.MlflowClient()
        return Journal(self._client, [experiment, *experiments_before(RELEASES)], self.name, self._aliased())

    def _aliased(self) -> int | None:
        """The one place that says which version is champion."""
        import mlflow

        try:
            champion = self._client.get_registered_model(self.name).aliases.get(CHAMPION)
        except mlflow.MlflowException as error:
            if not is_missing(error):
                raise
            return None
        return int(champion) if champion else None
