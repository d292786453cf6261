"""The pipelines: ingestion, data engineering and science, model release; tuning, a backtest, batch scoring.

Each is a folder with a `pipeline.py`, whose `create_pipeline` makes it, and a `parameters.py`. They are found by that:
no list names them.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

#: Mark the nodes that make a run one that is tracked: a training, a release, tuning (each trial is a run below it), or
#: a backtest.
TRAINING_TAG, RELEASE_TAG, TUNING_TAG, BACKTEST_TAG = "training", "release", "tuning", "backtest"


def find_modules(name: str) -> Iterator[tuple[str, ModuleType]]:
    """Import the module of this name of every pipeline that has one, by the name of the pipeline."""
    for path in sorted(Path(__file__).parent.glob(f"*/{name}.py")):
        yield path.parent.name, import_module(f"{__name__}.{path.parent.name}.{name}")
