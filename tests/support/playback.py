"""Plans of simulations."""

from ride_duration.playback.plan import QUIET, Days, PlaybackPlan, Trouble


def quiet_plan(
    *,
    start: str = "2021-03-01",
    days: int = 2,
    scenario: str = QUIET,
    strength: float = 0.0,
    rides_per_day: int | None = 200,
    label_delay: float = 86_400.0,
    unreported: float = 0.1,
    step: float = 600.0,
) -> PlaybackPlan:
    """Quiet days, or trouble from the first one on."""
    trouble = None if scenario == QUIET else Trouble(0, None, strength)
    effects = Days(0.04, 0.3, 0.0)
    return PlaybackPlan(start, days, scenario, trouble, effects, 7, rides_per_day, label_delay, unreported, step)
