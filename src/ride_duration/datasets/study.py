"""Where Optuna keeps its studies: one SQLite file, in which every trial is as soon as it has ended."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from kedro.io import AbstractDataset

from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.storage_errors import describe_storage_failure

if TYPE_CHECKING:
    import optuna


class StudyStore:
    """Opens studies.

    Attributes:
        listeners: Each is called with the study and the trial whenever a trial has ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.listeners: list[Callable[[optuna.Study, optuna.trial.FrozenTrial], None]] = []

    def open(self, name: str) -> optuna.Study:
        """The study `name`, which is made if it is not there yet; a smaller value is better.

        Trials that a kill left running are closed as failed: one run at a time writes here, so no process is at them.

        Raises:
            RideDurationError: The file is damaged, locked, or cannot be read or written.
        """
        import optuna
        from sqlalchemy import URL
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # its errors reach the user once, through ours
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            address = URL.create("sqlite", database=str(self._path)).render_as_string()
            study = optuna.create_study(storage=address, study_name=name, load_if_exists=True)
        except (SQLAlchemyError, RuntimeError) as error:  # the latter of a file that another Optuna has written
            raise RideDurationError(describe_storage_failure(error, f"the record of tuning, {self._path},")) from error
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        return study


def finished_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count, in their order, complete or pruned: what a kill or an error ended is made again."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def require_optuna() -> None:
    """Check that Optuna is there.

    Raises:
        RideDurationError: It is not.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ConfigurationError("tuning needs Optuna; `pip install 'ride_duration[tuning]'` brings it")


class StudyDataset(AbstractDataset[Never, StudyStore]):
    """A SQLite file with studies of Optuna.

    Loading gives a `StudyStore`, which reads and writes the file while tuning goes on; nothing is left to save.

    Args:
        filepath: The file; it need not be there yet.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> StudyStore:
        return StudyStore(self._path)

    def save(self, data: Never) -> None:  # noqa: ARG002
        raise RideDurationError(f"{self._path} is written by Optuna itself")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
