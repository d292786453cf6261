"""Tables of what the monitoring keeps, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, PrimaryKeyConstraint, Table, Text

from ride_duration.store.schema import Arrival, metadata

#: Sums of each New York day of the pick-ups. `evidence` is `log` for what the service logged, and `scored` for scored
#: months; `variant` is that of the predictions, and `champion` for scored months. `moment` is `at_request_time` or
#: `with_distance`. Sums are over rides with a valid actual duration; NULL where the package cannot tell. `awaited` are
#: rides without a report, `awaited_expected` the squared errors expected of them; NULL in rows of former programs.
monitoring_days = Table(
    "monitoring_days",
    metadata,
    Column("model", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("moment", Text, nullable=False),
    Column("slice", Text, nullable=False),
    Column("rides", Double, nullable=False),
    Column("labelled", Double, nullable=False),
    Column("actual", Double, nullable=False),
    Column("predicted", Double, nullable=False),
    Column("absolute", Double, nullable=False),
    Column("squared", Double, nullable=False),
    Column("product", Double, nullable=False),
    Column("actual_squared", Double, nullable=False),
    Column("predicted_squared", Double, nullable=False),
    Column("expected", Double),
    Column("covered", Double),
    Column("width", Double),
    Column("within_5", Double, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("awaited", Double),
    Column("awaited_expected", Double),
    PrimaryKeyConstraint("model", "evidence", "day", "version", "variant", "moment", "slice"),
)

#: Reports of actual durations for the logged rides of each day; `state` is one of `monitoring.DayState`. `delays` are
#: counts of label delays (`monitoring.DELAY_EDGES`), `hours` are rides and labelled rides of each hour: both JSON.
#: `no_pickup_zone` and `no_dropoff_zone` are rides that lack it; NULL in rows of former programs.
monitoring_labels = Table(
    "monitoring_labels",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("rides", Integer, nullable=False),
    Column("labelled", Integer, nullable=False),
    Column("out_of_range", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("doubled", Integer, nullable=False),
    Column("corrected", Integer, nullable=False),
    Column("delays", Text, nullable=False),
    Column("hours", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("no_pickup_zone", Integer),
    Column("no_dropoff_zone", Integer),
    PrimaryKeyConstraint("model", "day"),
)

#: What the logged rides of each day were like: `counts` of the bins of the version's reference, the last bin of missing
#: values, and `quantiles` of the values that are known, both JSON. `unseen` are rides whose value the reference lacks;
#: `hours`, of answers alone, rides and Σ minutes of each hour of the pick-up (JSON). NULL in rows of former programs.
monitoring_features = Table(
    "monitoring_features",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("feature", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("quantiles", Text, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("unseen", Double),
    Column("hours", Text),
    PrimaryKeyConstraint("model", "day", "version", "feature"),
)

#: Up to which arrivals the rows above are computed; `run` is the last one that began to. Of the records of the model up
#: to there, `asked_at` is when the newest prediction was made, and `received_at` when the newest report came in.
#: `pending` are days (JSON) that are still to be computed: a run that was interrupted left them.
monitoring_watermarks = Table(
    "monitoring_watermarks",
    metadata,
    Column("model", Text, primary_key=True),
    Column("predictions", Arrival, nullable=False),
    Column("actuals", Arrival, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("run", Text, nullable=False, server_default=""),
    Column("asked_at", Double),
    Column("received_at", Double),
    Column("pending", Text, nullable=False, server_default="[]"),
)

#: Every score that was computed: one row a window (first to last day), feature, slice and statistic.
monitoring_scores = Table(
    "monitoring_scores",
    metadata,
    Column("model", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("slice", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("value", Double),
    Column("p_value", Double),
    Column("adjusted", Double),
    Column("computed_at", Double, nullable=False),
    PrimaryKeyConstraint("model", "evidence", "version", "first", "last", "slice", "feature", "statistic"),
)

#: Every verdict. `reasons`, `figures` (each with its bounds) and `details` (the whole verdict) are JSON; `watermark` is
#: the newest prediction that was read (its arrival), `watermark_at` when it was made, `last_actual` when the newest
#: report came in: NULL for scored months. `official` is 1 for what the service, metrics and alerts follow. Times are
#: seconds since 1970-01-01 UTC on the store's clock.
monitoring_verdicts = Table(
    "monitoring_verdicts",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("moment", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("gain", Double, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("simulated", Integer, nullable=False),
    Column("watermark", Arrival),
    Column("last_actual", Double),
    Column("details", Text, nullable=False),
    Column("official", Integer, nullable=False, server_default="1"),
    Column("watermark_at", Double),
    Index(None, "model", "computed_at"),
)

#: Days on which something broke. `source` says where (a zone group, a channel; empty: everywhere), `since` when it was
#: found, `by` who or what found it; `why`, in the words of whoever has marked it.
incident_days = Table(
    "incident_days",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("model", "day", "kind", "source"),
)

#: Decisions of people about the monitoring, for instance `rebase`; `accepted` is JSON, what holds from then on.
monitoring_decisions = Table(
    "monitoring_decisions",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("accepted", Text, nullable=False),
    Index(None, "model", "at"),
)
