"""Released models: versions in the MLflow registry, and the decisions that made one of them the champion.

The alias `champion` is the only place that says which version answers. Every decision is a run in the experiment
`releases`; who was champion when, and who before, is read from them and kept nowhere else.
"""

from ride_duration.registry.decisions import Decision, Reign, former_champions
from ride_duration.registry.packages import log_package
from ride_duration.registry.registry import Registry, Version, model_name

__all__ = ["Decision", "Registry", "Reign", "Version", "former_champions", "log_package", "model_name"]
