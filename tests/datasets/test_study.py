"""Studies in a SQLite file."""

import importlib.util
from pathlib import Path

import optuna
import pytest
from kedro.io import DatasetError
from optuna.trial import TrialState

from ride_duration.datasets import StudyDataset
from ride_duration.datasets.study import finished_trials, require_optuna
from ride_duration.errors import RideDurationError


def test_a_study_is_found_again_by_its_name(tmp_path: Path) -> None:
    dataset = StudyDataset(filepath=str(tmp_path / "new" / "tuning.db"))
    dataset.load().open("one").optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert len(dataset.load().open("one").trials) == 2
    assert dataset.load().open("another").trials == []


def test_trials_that_a_kill_left_running_are_closed_and_do_not_count(tmp_path: Path) -> None:
    store = StudyDataset(filepath=str(tmp_path / "tuning.db")).load()
    study = store.open("one")
    study.tell(study.ask(), 1.0)
    study.ask()
    study.tell(study.ask(), state=TrialState.PRUNED)
    again = store.open("one")
    assert [trial.state for trial in again.trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED]
    assert [trial.number for trial in finished_trials(again)] == [0, 2]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "tuning.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(RideDurationError, match=r"tuning\.db, cannot be opened .*move it away and run again"):
        StudyDataset(filepath=str(path)).load().open("one")


def test_optuna_alone_writes_the_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not allowed"):
        StudyDataset(filepath=str(tmp_path / "tuning.db")).save(None)


def test_without_optuna_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    require_optuna()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RideDurationError, match=r"pip install 'ride_duration\[tuning\]'"):
        require_optuna()


def test_optuna_keeps_its_own_log_to_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = StudyDataset(filepath=str(tmp_path / "tuning.db")).load().open("one")

    def fail(trial: optuna.Trial) -> float:
        raise ValueError("a trial's own error")

    with pytest.raises(ValueError, match="own error"):
        study.optimize(fail, n_trials=1)
    assert capfd.readouterr() == ("", "")
