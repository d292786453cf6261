"""Whose run it is: in a store that several projects and machines share, each closes its own interrupted runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ride_duration.in_use import is_held, run_lock
from ride_duration.mlflow_reader import open_reader
from ride_duration.mlflow_store import locate_store, owner_tags

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredRun


def close_interrupted_runs(project: Path, settings: dict[str, str], experiment: str) -> None:
    """End, as KILLED, the project's own runs that a kill left RUNNING; the store must be open.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.
        experiment: Id of the one that is looked at.
    """
    import mlflow

    client, is_own_store = mlflow.MlflowClient(), locate_store(project, settings).is_own
    for run in open_reader(project, settings).runs([experiment]):
        if run.status == "RUNNING" and is_own_interrupted(run, project, is_own_store=is_own_store):
            client.set_terminated(run.run_id, "KILLED")


def is_own_interrupted(run: StoredRun, project: Path, *, is_own_store: bool) -> bool:
    """Whether a run that was not ended belongs to the project, and its process has ended.

    A process holds the lock of its run as long as it lives (`ride_duration.in_use`), so that neither a reused process
    id nor another host name of the same container deceives; nor does another container of the same name, whose folder
    has another identity. In a project's own store, each run is its own. Runs of earlier commits have neither.

    Args:
        run: RUNNING, as the store says.
        project: Folder of the project, whose isolated runs lie below it.
        is_own_store: Whether the store is the project's own.
    """
    mine = owner_tags(project)
    tags = {name: run.tags.get(name, "") for name in mine}
    if tags == mine:  # an earlier run of this process, which has none yet
        return True
    folder = Path(tags["project"])
    is_same_folder = tags["folder"] in ("", mine["folder"])
    is_ours = tags["host"] == mine["host"] and folder.is_relative_to(mine["project"]) and is_same_folder
    # A container may have the same project in another place.
    places = {folder / "data", project / "data"} if is_own_store else {folder / "data"}
    locks = [run_lock(data, tags["host"], tags["pid"], tags["process"]) for data in places]
    return (is_ours or is_own_store) and not any(map(is_held, locks))
