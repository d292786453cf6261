"""Decisions as MLflow runs: written before they come about, finished when they have."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from ride_duration.clock import local_time
from ride_duration.registry.decisions import ALIAS_REMOVED, MOVING, Decision, champion_tenures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ride_duration.mlflow_reader import StoredRun


class DecisionLog:
    """The decisions about one model, as its store has them; reading them changes nothing.

    A decision that a kill left RUNNING came about just if the alias says so. Where the alias was changed by other
    means, in MLflow's own pages for instance, a decision by `unknown` is added, so that the history agrees with it.

    Args:
        runs: Those that keep decisions about the model.
        champion: The version that the alias names, if there is one.

    Attributes:
        champion: The same.
        decisions: Those that came about, in the order of their numbers.
    """

    def __init__(self, runs: Sequence[StoredRun], champion: int | None) -> None:
        self.champion = champion
        self.unfinished = [run for run in runs if run.status == "RUNNING"]
        self._last = max((int(run.tags["number"]) for run in runs), default=0)
        made = [Decision.of_run(run) for run in runs if run.status == "FINISHED" or self.has_come_about(run)]
        self.decisions = sorted(made, key=lambda decision: (decision.number, decision.at))
        if (previous := self._recorded_champion()) != champion:
            kind, done = (ALIAS_REMOVED, "taken away") if champion is None else ("promotion", "set")
            why, now = f"the alias `champion` was {done} by other means", local_time().astimezone(UTC)
            self.decisions.append(Decision(self._last + 1, kind, champion, previous, now, "unknown", why, "", None))

    def has_come_about(self, run: StoredRun) -> bool:
        """Whether the alias says that a decision came about, although its run was not finished."""
        return run.status == "RUNNING" and run.tags["kind"] in MOVING and run.tags.get("version") == str(self.champion)

    def _recorded_champion(self) -> int | None:
        return next((tenure.version for tenure in champion_tenures(self.decisions) if tenure.until is None), None)


class OpenDecisionLog(DecisionLog):
    """The decisions about one model, for as long as one command has the registry to itself, and may add to them.

    Opening it repairs what a kill left half-made.

    Args:
        runs: Those that keep decisions about the model.
        champion: The version that the alias names, if there is one.
        client: MLflow's.
        experiment: Id of the one that new decisions go to.
        tags: Of each new decision: the model, and who owns the process.
        is_own: Whether an unfinished run belongs to this project and its process has ended.
    """

    def __init__(
        self,
        runs: Sequence[StoredRun],
        champion: int | None,
        client: Any,
        experiment: str,
        tags: dict[str, str],
        is_own: Callable[[StoredRun], bool],
    ) -> None:
        super().__init__(runs, champion)
        self._client = client
        self._experiment = experiment
        self._tags = tags
        for run in self.unfinished:
            if self.has_come_about(run):
                client.set_terminated(run.run_id, "FINISHED")
            elif is_own(run):
                client.set_terminated(run.run_id, "KILLED")
        if self.decisions and not self.decisions[-1].run_id:  # found, and not recorded yet
            found = self.decisions.pop()
            self.champion = found.previous
            self.finish(self.open(found.kind, found.version, found.by, found.why))
            self.champion = champion

    def open(self, kind: str, version: int | None, by: str, why: str, **more: str) -> Decision:
        """Write down a decision that is about to come about.

        Args:
            kind: Of the decision.
            version: The one that it is about.
            by: Who decides.
            why: In their words.
            more: Further tags; `gate` is the run that keeps the report of the version's gate.
        """
        self._last += 1
        tags = {**self._tags, "number": str(self._last), "kind": kind, "by": by, "why": why, **more}
        tags |= {"version": str(version)} if version else {}
        tags |= {"previous": str(self.champion)} if self.champion else {}
        run = self._client.create_run(self._experiment, tags=tags, run_name=f"{kind} {version or ''}".strip())
        return Decision.of_tags(run.info.run_id, run.info.start_time, tags)

    def finish(self, decision: Decision) -> Decision:
        """Note that a decision came about."""
        self._client.set_terminated(decision.run_id, "FINISHED")
        self.decisions.append(decision)
        return decision
