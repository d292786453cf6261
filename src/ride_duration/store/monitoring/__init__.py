"""What the monitoring keeps in the store, written and read: sums of days, scores, verdicts, incidents, decisions.

Every function takes an engine: `open_monitoring` gives one that has the newest tables.
"""

from ride_duration.store.monitoring.day_rows import (
    DELAY_EDGES,
    DayEvidence,
    DayState,
    Evidence,
    Watermark,
    claim_log,
    load_days,
    load_features,
    load_labels,
    load_times,
    load_watermark,
    move_watermark,
    replace_days,
    set_states,
)
from ride_duration.store.monitoring.opening import describe_failures, open_monitoring, read_monitoring
from ride_duration.store.monitoring.operator_rows import (
    DecisionRow,
    IncidentDay,
    add_decision,
    load_decisions,
    load_incident_days,
    replace_incident_days,
)
from ride_duration.store.monitoring.verdict_rows import (
    Cause,
    Finding,
    VerdictRow,
    add_verdict,
    find_newest_day,
    load_newest_verdict,
    load_scores,
    load_verdicts,
    replace_scores,
)

__all__ = [
    "DELAY_EDGES",
    "Cause",
    "DayEvidence",
    "DayState",
    "DecisionRow",
    "Evidence",
    "Finding",
    "IncidentDay",
    "VerdictRow",
    "Watermark",
    "add_decision",
    "add_verdict",
    "claim_log",
    "describe_failures",
    "find_newest_day",
    "load_days",
    "load_decisions",
    "load_features",
    "load_incident_days",
    "load_labels",
    "load_newest_verdict",
    "load_scores",
    "load_times",
    "load_verdicts",
    "load_watermark",
    "move_watermark",
    "open_monitoring",
    "read_monitoring",
    "replace_days",
    "replace_incident_days",
    "replace_scores",
    "set_states",
]
