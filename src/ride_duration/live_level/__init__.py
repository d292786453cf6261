"""The live level of the service: computed from the log by one process at a time, and published for every instance."""

from ride_duration.live_level.computation import Basis, compute_level, replay_levels
from ride_duration.live_level.configuration import LevelSettings, parse_level
from ride_duration.live_level.publisher import LevelPublisher

__all__ = ["Basis", "LevelPublisher", "LevelSettings", "compute_level", "parse_level", "replay_levels"]
