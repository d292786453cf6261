"""`kedro run` as users meet it: one message for each mistake, and an ending that says what to do next."""

from __future__ import annotations

import copy
import errno
import getpass
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines
from kedro.validation.exceptions import ParameterValidationError

from ride_duration.cli.context import split_params
from ride_duration.cli.tables import printable
from ride_duration.errors import RideDurationError
from ride_duration.hooks.tracking import close_interrupted
from ride_duration.pipelines.tuning.parameters import Tuning
from ride_duration.storage_errors import describe_mlflow_failure

if TYPE_CHECKING:
    from collections.abc import Callable

#: Set to 1, it does what `--traceback` does, for commands started by other programs.
TRACEBACK_VARIABLE = "RIDE_DURATION_TRACEBACK"

_EXAMPLES = """\b
Examples:
  kedro run
  kedro run --params="train_data=2021-01,val_data=2021-02,model=linear_regression"
  kedro run --env tlc --params="train_data=2021-01..2021-02,val_data=2021-03"
  kedro run --pipelines=data_engineering
  kedro run --pipelines=backtest --params="backtest_data=2021-01..2021-03"
  kedro run --pipelines=tuning --params="model=lightgbm,trials=20"
  kedro run --pipelines=batch_scoring --params=score_data=2021-03
"""


run_pipelines = cast("Callable[..., dict[str, Any]]", kedro_run.callback)


#: How the operating system, DuckDB and SQLite put it.
_DISK_IS_FULL = ("No space left on device", "File too large", "disk is full", "disk I/O error")

#: What Kedro says, and what we say.
_KEDRO_SAYS = (
    (r"RideDurationError raised while resolving interpolation: (.+)", "{0}"),
    (r"Failed to find the pipeline named '(.+?)'", "unknown pipeline '{0}'; there are: {1}"),
    (r"Pipeline does not contain (.+?)\.?$", "no pipeline has {0}; `kedro registry describe` lists the nodes of one"),
    (r"(Pipeline contains no nodes)", "the tags, nodes and namespaces given leave no node to run; name fewer of them"),
    (r"(Invalid YAML or JSON file .*)", "{0} Mend that line and run again."),
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
def told_clearly(traceback: bool) -> Iterator[None]:
    """Turn an error inside the block into one message and exit code 1, unless the traceback is asked for."""
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


def _run(traceback: bool, **options: Any) -> None:
    with told_clearly(traceback):
        _say_what_happened(run_pipelines(**options), options["env"], options["params"])


def explain(error: BaseException) -> str:
    """What was wrong, where, and what to do, in words for the user."""
    chain = _chain(error)
    for tell in (_tell_of_disk, _tell_of_mistake, describe_mlflow_failure):
        for link in chain:
            if message := tell(link):
                return message
    return f"{_first_line(chain[-1])} ({type(chain[-1]).__name__}); run again with --traceback to see where"


def _tell_of_disk(error: BaseException) -> str | None:
    if _is_full(error):
        return f"the disk is full or a file may not grow ({_first_line(error)}); free some space and run again"
    if isinstance(error, PermissionError):
        return f"no permission for {error.filename}; let {getpass.getuser()} read and write it, and run again"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename} is a file, and a folder is needed; move it away and run again"
    return None


def _tell_of_mistake(error: BaseException) -> str | None:
    if isinstance(error, RideDurationError):
        return str(error)
    if isinstance(error, ParameterValidationError):
        return _parameters_message(str(error))
    if isinstance(error, MissingConfigException):
        return _environments_message(str(error))
    for pattern, message in _KEDRO_SAYS:
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
    said = text.partition("\n")[2]
    said = re.sub(r"(?m)^- Parameter '.+?': |Failed to instantiate \w+ for parameter '\w+': ", "", said)
    said = re.sub(r"(?m)^\d+ validation errors? for \w+\n|^    For further information.*\n?| \[type=.*\]$", "", said)
    said = re.sub(r"(?m)^(\S+)\n  (?:Value error, )?(?=\S)", r"\1: ", said)
    problems = dict.fromkeys(line.strip().removeprefix("Value error, ") for line in said.splitlines() if line.strip())
    told = [problem for problem in problems if not any(other.endswith(f": {problem}") for other in problems)]
    return "\n  ".join(told)


def _environments_message(text: str) -> str:
    folder = re.search(r"directory: (.+)$", text, re.MULTILINE)
    if not folder:
        return text
    missing = Path(folder[1])
    known = sorted(path.name for path in missing.parent.iterdir() if path.is_dir()) if missing.parent.is_dir() else []
    return f"unknown environment '{missing.name}': there is no {missing}; there are: {', '.join(known)}"


def _say_what_happened(outputs: dict[str, Any], env: str | None, params: dict[str, Any]) -> None:
    """Print what a run found, and what one may type next."""
    environment = f" --env {env}" if env else ""
    if "tuned_model" in outputs:
        click.echo(outputs["tuning_summary"].load())
        _say_what_was_tuned(outputs["tuned_model"], environment, params)
    elif "run_summary" in outputs:
        click.echo(outputs["run_summary"].load())
        ask = f"kedro models serve{environment}" if env else "make serve"
        click.echo(f"Next: `{ask}` (a page that answers rides), `make ui` (all runs), `make viz` (the graph),")
        click.echo(
            "      data/08_reporting/gate_report.html (what the gate found), "
            + (
                "`kedro run --env tlc` (real months)."
                if not env
                else f"`kedro models list{environment}` (all versions)."
            )
        )
    elif "metrics_summary" in outputs:
        click.echo(outputs["metrics_summary"].load())
        click.echo(f"Next: `kedro run{environment} --pipelines=model_release` with the same --params, to release it.")
    elif "backtest_summary" in outputs:
        click.echo(outputs["backtest_summary"].load())
        click.echo("Next: `make viz` (the chart: choose the pipeline backtest), `make ui` (all runs), other policies:")
        click.echo(f"      `kedro run{environment} --pipelines=backtest --params=backtest_policies=never+last_2`.")
    elif "scoring_summary" in outputs:
        click.echo(outputs["scoring_summary"].load())
        click.echo("They lie below data/07_model_output/scored_trips, one folder a month.")
        click.echo(
            "Next: look at them with `pandas.read_parquet` of that folder in `make notebook`, or score other months:"
        )
        click.echo(f"      `kedro run{environment} --pipelines=batch_scoring --params=score_data=2021-04..2021-06`.")
    elif "quality_summary" in outputs:
        click.echo(outputs["quality_summary"].load())
        click.echo(
            f"Next: `kedro run{environment} --pipelines=data_science` with the same --params, to learn from these."
        )
    else:
        click.echo(f"Done: made {', '.join(sorted(outputs)) or 'nothing new'}.")


def _say_what_was_tuned(tuned_model: Any, environment: str, params: dict[str, Any]) -> None:
    import yaml

    [name] = yaml.safe_load(tuned_model.load())["models"]
    path = os.path.relpath(tuned_model._describe()["filepath"])
    kept = {key: value for key, value in params.items() if key not in {*Tuning.model_fields, "models"}}
    typed = ",".join(f"{key}={value}" for key, value in (kept | {"model": name}).items() if not isinstance(value, dict))
    click.echo(f"{path} holds {name} from now on.")
    click.echo(f'Next: `kedro run{environment} --params="{typed}"` learns with it, and judges it on other months.')


def _options() -> list[click.Parameter]:
    """Those of Kedro's own command, but for how `--params` is read."""
    options = [copy.copy(option) for option in kedro_run.params]
    for option in options:
        if option.name == "params":
            option.callback = split_params
    return options


run = click.Command(
    name="run",
    callback=_run,
    params=[
        *_options(),
        click.Option(["--traceback"], is_flag=True, help="Show the whole traceback of an error, for developers."),
    ],
    help="Run the pipeline: raw months to trips, features, model, metrics, plots, and a release past the gate.",
    epilog=_EXAMPLES,
)
