"""The live level: how much slower, or faster, the city drives than the model learned.

Pure: a state, the rides that became known, and a time give the next state. NumPy alone, no input or output.
"""

from ride_duration.level.ended_rides import EndedRides, StepSums, add_sums, sum_steps
from ride_duration.level.level_rules import STEP, LevelRules, find_half_life
from ride_duration.level.level_state import LevelState, advance, follow_steps
from ride_duration.level.replay import LevelTrace, replay

__all__ = [
    "STEP",
    "EndedRides",
    "LevelRules",
    "LevelState",
    "LevelTrace",
    "StepSums",
    "add_sums",
    "advance",
    "find_half_life",
    "follow_steps",
    "replay",
    "sum_steps",
]
