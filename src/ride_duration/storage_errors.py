"""Failures of databases and of MLflow's store: one sentence for each kind, with what to do."""

from __future__ import annotations

import getpass
import re
import shlex
import sys
from pathlib import Path

from ride_duration.errors import without_passwords

_LOCKED = "{store} is locked by another program; wait until that has ended, and try again"
_FULL = "the disk is full: {store} cannot be written; free some space and try again"
_FORBIDDEN = "{store} cannot be read or written; let {user} read and write it and its folder, and try again"
_DAMAGED = "{store} cannot be opened ({said}); it is damaged: put a backup in its place, or move it away and run again"
_OTHER_MLFLOW = "{store} was written by {age} MLflow than the one installed here; {remedy}"
_OTHER_OPTUNA = "{store} was written by another Optuna than the one installed here ({said}); move it away and run again"
_NO_DRIVER = "{store} needs the Python package {0}, which is not installed; install it"
_NO_ADDRESS = (
    "`tracking.uri` in conf/ is {store}, which cannot be used ({said}); name a database (sqlite:///..., "
    "postgresql+psycopg://...) or an MLflow server (https://...)"
)
_REFUSED = (
    "{store} refuses access ({said}); correct the credentials: MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN, for "
    "a server, the address for a database"
)
_NO_SERVER = "{store} answers, but not as an MLflow server does ({said}); correct its address"
_AWAY = "{store} cannot be reached ({said}); start it, or correct its address, and try again"
_EXPERIMENT_DELETED = (
    "experiment {0} of {store} has been deleted in MLflow; "
    "`MLFLOW_TRACKING_URI={quoted} mlflow experiments restore --experiment-id {0}` brings it back with its runs"
)
_NO_NAME = "{store} cannot keep such a name ({said}); choose another"
_RUN_DELETED = "run {0} of {store} has been deleted in MLflow; restore it there, or run again to make another"
_RUN_GONE = "run {0} is not in {store}; it was deleted for good, or is kept elsewhere"
_FILE_GONE = "the file {0}, which {store} names, is gone; put it back, or run again to make another"

#: What databases, drivers, MLflow and its servers say, and which sentence it means; the first that fits does.
#: `{store}` is the address or the file, `{said}` the first line of what they say, `{0}` the first group.
_KINDS = {
    r"database (?:table )?is locked": _LOCKED,
    r"disk is full|No space left": _FULL,
    r"error code 40[13]\b|PERMISSION_DENIED|UNAUTHENTICATED|authentication failed|no password supplied": _REFUSED,
    r"readonly database|unable to open database file|Permission denied": _FORBIDDEN,
    r"not a database|malformed": _DAMAGED,
    r"out-of-date database schema \(found version (\w+)": _OTHER_MLFLOW,
    r"compatible with the table schema": _OTHER_OPTUNA,
    r"No module named '([\w.]+)'": _NO_DRIVER,
    r"unsupported URI|filesystem tracking backend|Could not parse SQLAlchemy URL|Can't load plugin": _NO_ADDRESS,
    r"Invalid (?:URL|url|database URI)|No host supplied|Failed to parse": _NO_ADDRESS,
    r"error code 40\d\b|not a valid RESTful|Expecting value|JSONDecodeError": _NO_SERVER,
    r"error code 5\d\d|too many 5\d\d error|Max retries exceeded|failed with (?:timeout )?exception": _AWAY,
    r"(?i)connection (?:failed|refused|timed out|reset|timeout|aborted)|timed? ?out|server closed": _AWAY,
    r"[Ee]xperiment (\S+) must be in the 'active' state": _EXPERIMENT_DELETED,
    r"[Rr]un (\w+) must be in the 'active' state|run with ID (\w+) because it is in the deleted": _RUN_DELETED,
    r"Names may only contain|Invalid (?:parameter|metric|tag) name": _NO_NAME,
    r"Run with id=(\w+) not found|Run '(\w+)' not found": _RUN_GONE,
    r"No such artifact: '?([^']*)|No such file or directory: '?([^']*)": _FILE_GONE,
}


def describe_storage_failure(error: BaseException, store: str) -> str:
    """Say in one sentence why a database or MLflow's store failed, and what to do.

    Args:
        error: From a driver, from SQLAlchemy or from MLflow.
        store: Address of the store, or the name of its file; passwords in it are not shown.
    """
    text, shown = without_passwords(str(error)).strip(), without_passwords(store)
    said = text.partition("\n")[0][:300] or type(error).__name__
    for pattern, sentence in _KINDS.items():
        if match := re.search(pattern, text):
            named = next((group for group in match.groups() if group), "")
            age, remedy = _compare_revision(named, shown) if sentence is _OTHER_MLFLOW else ("", "")
            given = {"store": shown, "quoted": shlex.quote(shown), "said": said, "age": age, "remedy": remedy}
            return sentence.format(named, user=_user(), **given)
    return f"{shown} refuses the request ({said}); correct that, or the address, and try again"


def describe_mlflow_failure(error: BaseException, store: str = "") -> str | None:
    """Do the same for an error of MLflow itself, while this process has its store open; None for any other error."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or not isinstance(error, mlflow.MlflowException):
        return None
    return describe_storage_failure(error, store or mlflow.get_tracking_uri())


def is_missing(error: BaseException) -> bool:
    """Whether MLflow says that there is no such thing, and not that it cannot look."""
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"


def _compare_revision(revision: str, store: str) -> tuple[str, str]:
    """Whether the MLflow installed here knows the revision of a database, which it then can bring up to date."""
    import mlflow

    versions = Path(mlflow.__file__).parent / "store/db_migrations/versions"
    if any(versions.glob(f"{revision}_*.py")):
        return "an older", f"after a backup, `mlflow db upgrade {shlex.quote(store)}` brings it up to date"
    return "a newer", "`make run` installs the packages of requirements.lock; use the checkout that wrote it"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the user"
