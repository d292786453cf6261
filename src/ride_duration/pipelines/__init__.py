"""The pipelines: ingestion, data engineering and science, model release; tuning, a backtest, batch scoring.

Each is a folder with a `pipeline.py`, whose `create_pipeline` makes it, and perhaps a `parameters.py`. By that they are
found: no list names them. What else they declare is described in `declarations`.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

#: Marks the nodes that make a run a training, which `kedro runs` compares and reproduces.
TRAINING_TAG = "training"


def find_modules(name: str) -> Iterator[tuple[str, ModuleType]]:
    """Import the module of this name of every pipeline that has one, by the name of the pipeline."""
    for path in sorted(Path(__file__).parent.glob(f"*/{name}.py")):
        yield path.parent.name, import_module(f"{__name__}.{path.parent.name}.{name}")
