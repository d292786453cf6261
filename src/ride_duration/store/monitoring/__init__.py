"""What the monitoring keeps in the store, written and read: sums of days, scores, verdicts, incidents, decisions.

Every function takes an engine: `open_monitoring` gives one that has the newest tables.
"""

from ride_duration.store.monitoring.day_rows import (
    DELAY_EDGES,
    DayEvidence,
    DayState,
    Evidence,
    load_days,
    load_labels,
    replace_days,
    set_states,
)
from ride_duration.store.monitoring.log_snapshot import LogSnapshot, load_snapshot
from ride_duration.store.monitoring.opening import begin_writing, describe_failures, open_monitoring, read_monitoring
from ride_duration.store.monitoring.operator_rows import (
    MARKED,
    REBASE,
    SKEW,
    DecisionRow,
    IncidentDay,
    add_decision,
    load_decisions,
    load_incident_days,
    load_marks,
    mark_days,
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
from ride_duration.store.monitoring.watermark import (
    Progress,
    Watermark,
    claim_log,
    exclude_others,
    load_progress,
)

__all__ = [
    "DELAY_EDGES",
    "MARKED",
    "REBASE",
    "SKEW",
    "Cause",
    "DayEvidence",
    "DayState",
    "DecisionRow",
    "Evidence",
    "Finding",
    "IncidentDay",
    "LogSnapshot",
    "Progress",
    "VerdictRow",
    "Watermark",
    "add_decision",
    "add_verdict",
    "begin_writing",
    "claim_log",
    "describe_failures",
    "exclude_others",
    "find_newest_day",
    "load_days",
    "load_decisions",
    "load_incident_days",
    "load_labels",
    "load_marks",
    "load_newest_verdict",
    "load_progress",
    "load_scores",
    "load_snapshot",
    "load_verdicts",
    "mark_days",
    "open_monitoring",
    "read_monitoring",
    "replace_days",
    "replace_incident_days",
    "replace_scores",
    "set_states",
]
