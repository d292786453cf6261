"""Decisions as MLflow runs: written before they come about, finished when they have."""

from __future__ import annotations

from typing import Any

from ride_duration.registry.decisions import MOVING, VACANCY, Decision, reigns

_PAGE = 1000


class Journal:
    """The decisions about one model, for as long as one command has the registry to itself.

    Reading it ends what a kill left RUNNING: that came about just if the alias says so. And it notes what
    was done to the alias by other means, in MLflow's own pages for instance, so that the history agrees with it.

    Args:
        client: MLflow's.
        experiments: Ids of those that keep decisions; new ones go to the first.
        model: Name of the registered model.
        champion: The version that the alias names, if there is one.

    Attributes:
        champion: The same.
        decisions: Those that came about, in the order of their numbers.
    """

    def __init__(self, client: Any, experiments: list[str], model: str, champion: int | None) -> None:
        self._client = client
        self._experiments = experiments
        self._model = model
        self.champion = champion
        runs = [run for run in self._runs() if self._came_about(run)]
        self.decisions = sorted(Decision.of_run(run) for run in runs)
        told = next((reign.version for reign in reigns(self.decisions) if reign.until is None), None)
        if champion != told:
            kind, done = (VACANCY, "taken away") if champion is None else ("promotion", "set")
            self.finish(self.open(kind, champion, "unknown", f"the alias `champion` was {done} by other means"))

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
        tags = {"model": self._model, "number": str(self._last), "kind": kind, "by": by, "why": why, **more}
        tags |= {"version": str(version)} if version else {}
        tags |= {"previous": str(self.champion)} if self.champion else {}
        run = self._client.create_run(self._experiments[0], tags=tags, run_name=f"{kind} {version or ''}".strip())
        return Decision.of_run(run)

    def finish(self, decision: Decision) -> Decision:
        """It came about."""
        self._client.set_terminated(decision.run_id, "FINISHED")
        self.decisions.append(decision)
        return decision

    def _came_about(self, run: Any) -> bool:
        if run.info.status != "RUNNING":
            return bool(run.info.status == "FINISHED")
        tags = run.data.tags
        done = tags["kind"] in MOVING and tags.get("version") == str(self.champion)
        self._client.set_terminated(run.info.run_id, "FINISHED" if done else "KILLED")
        return done

    def _runs(self) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs(
                self._experiments, f"tags.model = '{self._model}'", max_results=_PAGE, page_token=token
            )
            found += page
            token = page.token
            if not token:
                self._last = max((int(run.data.tags["number"]) for run in found), default=0)
                return found
