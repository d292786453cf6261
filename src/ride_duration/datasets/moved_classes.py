"""Pickles of earlier commits, whose classes have moved since: a backend for `PickleDataset`."""

import pickle
from pickle import dump
from typing import IO, Any

__all__ = ["dump", "load"]

_PIPELINES = "ride_duration.pipelines"

#: Modules that pickles of earlier commits name, and where their classes are now.
_MOVED = {
    f"{_PIPELINES}.data_science.models": f"{_PIPELINES}.data_science.duration_model",
    f"{_PIPELINES}.data_science.intervals": f"{_PIPELINES}.data_science.interval_model",
    f"{_PIPELINES}.parameters.models": f"{_PIPELINES}.data_science.model_choice",
}


class _Unpickler(pickle.Unpickler):
    """Finds classes by the names of the modules that they were pickled in."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        return super().find_class(_MOVED.get(module_name, module_name), global_name)


def load(file: IO[bytes]) -> Any:
    """Read what this or an earlier commit has pickled."""
    return _Unpickler(file).load()
