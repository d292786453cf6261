"""What the monitoring computes from the log; the metered distance of a ride; predictions by the time of the pick-up."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

#: Column types by letter: text, integer, number of a row, double; small letters may be NULL, ! marks the primary key.
_TYPES: dict[str, Any] = {
    "T": sa.Text,
    "I": sa.Integer,
    "N": sa.BigInteger().with_variant(sa.Integer, "sqlite"),
    "D": sa.Double,
}

_TABLES = {
    "monitoring_days": """
        model T!, evidence T!, day T!, version I!, variant T!, moment T!, slice T!, rides D, labelled D, actual D,
        predicted D, absolute D, squared D, product D, actual_squared D, predicted_squared D, expected d, covered d,
        width d, within_5 D, computed_at D
    """,
    "monitoring_labels": """
        model T!, day T!, rides I, labelled I, out_of_range I, reports I, doubled I, corrected I, delays T, hours T,
        state T, computed_at D
    """,
    "monitoring_features": "model T!, day T!, version I!, feature T!, counts T, quantiles T, computed_at D",
    "monitoring_watermarks": "model T!, predictions N, actuals N, computed_at D",
    "monitoring_scores": """
        model T!, evidence T!, version I!, first T!, last T!, slice T!, feature T!, statistic T!, value d, p_value d,
        adjusted d, computed_at D
    """,
    "monitoring_verdicts": """
        number N!, model T, evidence T, window T, first T, last T, computed_at D, version I, variant T, moment T,
        verdict T, cause T, gain D, reasons T, figures T, next T, simulated I, watermark n, last_actual d, details T
    """,
    "incident_days": "model T!, day T!, kind T!, source T!, since D, by T",
    "monitoring_decisions": "number N!, model T, version I, kind T, at D, by T, why T, accepted T",
}

_INDEXES = (
    ("monitoring_verdicts", "model", "computed_at"),
    ("monitoring_decisions", "model", "at"),
    ("predictions", "model", "pickup_datetime"),
)


def upgrade() -> None:
    """Make the tables, a column and indexes; reports that are there, and of older services, have no distance."""
    for table, described in _TABLES.items():
        columns = [column.split() for column in described.split(",")]
        key = [name for name, kind in columns if kind.endswith("!")]
        op.create_table(
            table,
            *(_make_column(*column) for column in columns),
            sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
        )
    op.add_column("actuals", sa.Column("trip_distance", sa.Double))
    for table, *names in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(names)}", table, names)


def _make_column(name: str, kind: str) -> sa.Column[Any]:
    letter = kind[0]
    return sa.Column(
        name, _TYPES[letter.upper()], nullable=letter.islower(), autoincrement=kind == "N!" and name == "number"
    )
