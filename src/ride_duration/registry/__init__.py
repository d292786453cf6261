"""Released models: versions in the MLflow registry, and the decisions that made one of them the champion.

The alias `champion` is the only place that says which version answers. Every decision is a run in the experiment
`releases`; who was champion when, and who before, is read from them and kept nowhere else.
"""

from ride_duration.registry.decisions import ChampionTenure, Decision, former_champions
from ride_duration.registry.packages import log_package
from ride_duration.registry.registry import Registry, model_name
from ride_duration.registry.versions import Version

__all__ = ["ChampionTenure", "Decision", "Registry", "Version", "former_champions", "log_package", "model_name"]
