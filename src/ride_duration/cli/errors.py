"""What turns an error into one message: what was wrong, where, and what to do."""

from __future__ import annotations

import errno
import getpass
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from kedro.config import MissingConfigException
from kedro.framework.project import pipelines

from ride_duration.cli.tables import printable
from ride_duration.config_loader import find_made_groups
from ride_duration.errors import RideDurationError
from ride_duration.hooks.tracking import close_interrupted
from ride_duration.storage_errors import describe_mlflow_failure

#: Set to 1, it does what `--traceback` does, for commands started by other programs.
TRACEBACK_VARIABLE = "RIDE_DURATION_TRACEBACK"

#: How the operating system, DuckDB and SQLite put it.
_DISK_IS_FULL = ("No space left on device", "File too large", "disk is full", "disk I/O error")

#: Messages of Kedro, as patterns, and ours in their place.
_KEDRO_MESSAGES = (
    (r"(?:RideDuration|Configuration)Error raised while resolving interpolation: (.+)", "{0}"),
    (r"Failed to find the pipeline named '(.+?)'", "unknown pipeline '{0}'; there are: {1}"),
    (r"Pipeline does not contain (.+?)\.?$", "no pipeline has {0}; `kedro registry describe` lists the nodes of one"),
    (r"(Pipeline contains no nodes)", "the tags, nodes and namespaces given leave no node to run; name fewer of them"),
    (
        r"(Pipeline nodes must have unique names)",
        "some of these pipelines hold the same steps; run them one by one (each of them reads its months by itself)",
    ),
    (r"(ResourceInUse|connection is busy)", "the data engine takes one node at a time; leave --runner away"),
    (
        r"No partitions found in '(.+?)'",
        "no scored trips lie in {0}; run `kedro run --pipelines=batch_scoring`, all of its nodes, first",
    ),
)


@contextmanager
def report_errors(traceback: bool) -> Iterator[None]:
    """Turn an error inside the block into one message and exit code 1, unless a traceback is wanted."""
    try:
        yield
    except KeyboardInterrupt:
        close_interrupted()
        raise click.ClickException("interrupted; nothing half-written was left behind") from None
    except (click.ClickException, BrokenPipeError):  # the latter where `head` has read enough; Click ends quietly
        raise
    except Exception as error:
        if traceback or os.environ.get(TRACEBACK_VARIABLE) == "1":
            raise
        raise click.ClickException(printable(explain(error), lines=True)) from None


def explain(error: BaseException) -> str:
    """What was wrong, where, and what to do, in words for the user."""
    chain = _chain(error)
    for explain_one in (_explain_disk_error, _explain_mistake, describe_mlflow_failure):
        for link in chain:
            if message := explain_one(link):
                return message
    return f"{_first_line(chain[-1])} ({type(chain[-1]).__name__}); run again with --traceback to see where"


def _explain_disk_error(error: BaseException) -> str | None:
    if _is_full(error):
        return f"the disk is full or a file may not grow ({_first_line(error)}); free some space and run again"
    if isinstance(error, PermissionError):
        return f"no permission for {error.filename}; let {getpass.getuser()} read and write it, and run again"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename} is a file, and a folder is needed; move it away and run again"
    return None


def _explain_mistake(error: BaseException) -> str | None:
    if isinstance(error, RideDurationError):
        return str(error)
    from kedro.validation.exceptions import ParameterValidationError

    if isinstance(error, ParameterValidationError):
        return _parameters_message(str(error))
    if isinstance(error, MissingConfigException):
        return _environments_message(str(error))
    for pattern, message in _KEDRO_MESSAGES:
        if match := re.search(pattern, str(error)):
            return message.format(match[1], ", ".join(sorted(pipelines.keys())))
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what led to it, each once: an error may be named as its own cause."""
    chain = [error]
    while following := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__):
        if any(following is link for link in chain):
            break
        chain.append(following)
    return chain


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _is_full(error: BaseException) -> bool:
    if isinstance(error, RideDurationError):  # it says so itself, if it does
        return False
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return True
    return any(words in str(error) for words in _DISK_IS_FULL)


def _parameters_message(text: str) -> str:
    """Kedro's report of a failed validation, without the headings, types and addresses of Kedro and pydantic."""
    before, *found = re.split(r"(?m)^- Parameter '(.+?)': ", text.partition("\n")[2])
    made = find_made_groups()
    lines = before.splitlines()
    for name, said in zip(found[::2], found[1::2], strict=True):
        above = "" if name in made else f"{name}."
        plain = re.sub(r"Failed to instantiate \w+ for parameter '\w+': ", "", said)
        plain = re.sub(r"(?m)^\d+ validation errors? for \w+\n|^    For further information.*\n?", "", plain)
        plain = re.sub(r"(?m) \[type=.*\]$", "", plain)
        lines += re.sub(r"(?m)^(\S+)\n  (?:Value error, )?(?=\S)", rf"{above}\1: ", plain).splitlines()
    problems = dict.fromkeys(line.strip().removeprefix("Value error, ") for line in lines if line.strip())
    distinct = [problem for problem in problems if not any(other.endswith(f": {problem}") for other in problems)]
    return "\n  ".join(distinct)


def _environments_message(text: str) -> str:
    folder = re.search(r"directory: (.+)$", text, re.MULTILINE)
    if not folder:
        return text
    missing = Path(folder[1])
    known = sorted(path.name for path in missing.parent.iterdir() if path.is_dir()) if missing.parent.is_dir() else []
    return f"unknown environment '{missing.name}': there is no {missing}; there are: {', '.join(known)}"
