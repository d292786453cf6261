"""The squared error to be expected of each answer: what realised errors are compared with when a model is watched.

The graph reads features and the answer itself, and is asked apart from the others: a service that only answers rides
does not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ride_duration.model_package.package import ModelPackage

#: The graph in a package; those of former programs have none.
FILE = "error.onnx"

#: The column that holds the answer.
PREDICTED = "predicted"

#: No answer is expected to be nearer than a minute (min²).
LEAST = 1.0


class ExpectedError:
    """The error model of a package.

    Args:
        package: One that has it, see `has_error_model`.
    """

    def __init__(self, package: ModelPackage) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = package.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            package.contents[FILE], options, providers=["CPUExecutionProvider"]
        )
        self._columns: list[str] = package.inputs["outputs"]["error"]["numeric"]

    def expect_squares(self, columns: dict[str, Any], duration: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squared errors (n,) in min² that are to be expected of answers.

        Args:
            columns: Of the rides (n), by name, as `ModelPackage.columns` makes them.
            duration: The answers (n,) in minutes.
        """
        known = columns | {PREDICTED: duration}
        numbers = np.column_stack([known[name] for name in self._columns]).astype(np.float32)
        [expected] = self._session.run(None, {"numbers": numbers})
        return np.asarray(np.maximum(expected.reshape(-1).astype(np.float64), LEAST))


def has_error_model(package: ModelPackage) -> bool:
    """Return whether a package knows which errors to expect."""
    return FILE in package.contents
