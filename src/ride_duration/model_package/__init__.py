"""What is released of a model: a folder of plain files, no pickles, each with its hash.

| file | what it is |
|---|---|
| model.onnx, lower.onnx, upper.onnx | one graph an output: minutes, and the bounds of the interval before calibration |
| inputs.json | the columns that each graph reads, with units, and what stands for one that is occluded |
| intervals.json | how the bounds are calibrated |
| zones.csv | the zone table that the model was trained with |
| error.onnx | the squared error to be expected of an answer |
| reference.parquet, reference_counts.parquet | what the rides of the validation months were like, by day |
| golden_rides.json | rides with the answers that the package must give |
| metrics.json, slice_metrics.csv, ... | where it comes from, and how good it is |
| model_card.md, plots/ | the same for people |
| manifest.json, manifest.json.sha256 | facts, and the hash of each file; and the hash of the manifest |

Knows NumPy and ONNX Runtime, and nothing of training, Kedro or MLflow.
"""

from ride_duration.model_package.golden import golden_error, golden_rides
from ride_duration.model_package.intervals import Calibration
from ride_duration.model_package.package import Answers, ModelPackage, Rides
from ride_duration.model_package.single import Answer, SingleRides

__all__ = ["Answer", "Answers", "Calibration", "ModelPackage", "Rides", "SingleRides", "golden_error", "golden_rides"]
