"""The live level: how much slower, or faster, the city drives than the model learned, and how wide intervals must be.

Pure: a state, the rides that became known, and a time give the next state. NumPy alone, no input or output.
"""

from ride_duration.level.ended_rides import EndedRides, StepSums, add_sums, sum_steps
from ride_duration.level.interval_margins import MarginRules, Margins
from ride_duration.level.interval_scores import BoundedRides, ScoreCounts, add_scores, count_scores
from ride_duration.level.level_rules import STEP, LevelRules, find_half_life
from ride_duration.level.level_state import LevelState, advance, follow_steps
from ride_duration.level.margin_state import MarginState, MarginTrace, advance_margins, replay_margins
from ride_duration.level.replay import LevelTrace, replay

__all__ = [
    "STEP",
    "BoundedRides",
    "EndedRides",
    "LevelRules",
    "LevelState",
    "LevelTrace",
    "MarginRules",
    "MarginState",
    "MarginTrace",
    "Margins",
    "ScoreCounts",
    "StepSums",
    "add_scores",
    "add_sums",
    "advance",
    "advance_margins",
    "count_scores",
    "find_half_life",
    "follow_steps",
    "replay",
    "replay_margins",
    "sum_steps",
]
