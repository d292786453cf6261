"""What a pipeline declares beside itself, in its `pipeline.py`: `TRACKED` and `ENDING`. No other module lists it.

What becomes of a dataset in MLflow stands in the catalog, as `metadata: {mlflow: ...}`; see `hooks.tracking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ride_duration.pipelines import find_modules


@dataclass(frozen=True)
class Tracked:
    """Runs with a node of this tag are tracked in MLflow.

    Attributes:
        tag: The tag, which is also the kind of the run.
        run_name: Template of the name of the run, filled in from the parameters.
        params: Parameters that are recorded, beside those of the model.
        groups: Groups of parameters that are recorded, too.
        search_space: Whether that of the model is recorded.
        months: The group of parameters that says which raw months are read; None where none are.
    """

    tag: str
    run_name: str
    params: tuple[str, ...]
    groups: tuple[str, ...] = ()
    search_space: bool = False
    months: str | None = "raw_months"


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended well, for its `Ending`.

    Attributes:
        env: The environment, if one was named.
        params: Parameters given on the command line.
        outputs: Datasets that the run made and no node of it read, by name.
    """

    env: str | None
    params: dict[str, Any]
    outputs: dict[str, Any]

    @property
    def env_option(self) -> str:
        """The option that names the same environment in another command, with a space before it."""
        return f" --env {self.env}" if self.env else ""


@dataclass(frozen=True)
class Ending:
    """What `kedro run` prints when a pipeline has ended.

    Attributes:
        summary: The dataset that holds the text, an output of the pipeline.
        next_steps: Returns the commands that one may type next, as text.
    """

    summary: str
    next_steps: Callable[[EndedRun], str]


def find_tracked() -> Iterator[Tracked]:
    """Return what each pipeline declares as `TRACKED`."""
    return _find("TRACKED")


def find_endings() -> Iterator[Ending]:
    """Return what each pipeline declares as `ENDING`."""
    return _find("ENDING")


def _find(attribute: str) -> Iterator[Any]:
    for _, module in find_modules("pipeline"):
        if hasattr(module, attribute):
            yield getattr(module, attribute)
