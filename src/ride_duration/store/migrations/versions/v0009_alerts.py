"""Tables of alerts, their notifications and silences."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make them; of each fingerprint, one alert at a time is open."""
    op.create_table(
        "alerts",
        sa.Column("number", _Number, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("fingerprint", "name", "subject", "severity", "cause")),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("raised_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("resolved_at", sa.Double),
        sa.Column("acknowledged_at", sa.Double),
        sa.Column("acknowledged_by", sa.Text, nullable=False, server_default=""),
        sa.Column("acknowledged_why", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("number", name="pk_alerts"),
    )
    op.create_index("ix_alerts_subject", "alerts", ["subject"])
    open_ones = sa.text("resolved_at IS NULL")
    op.create_index(
        "uq_alerts_fingerprint_open",
        "alerts",
        ["fingerprint"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("number", _Number, autoincrement=True),
        sa.Column("alert", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("fingerprint", "channel", "event", "key", "body")),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("next_attempt_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claimed_until", sa.Double, nullable=False, server_default="0"),
        sa.Column("delivered_at", sa.Double),
        sa.Column("cancelled_at", sa.Double),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("number", name="pk_alert_deliveries"),
        sa.UniqueConstraint("key", name="uq_alert_deliveries_key"),
    )
    for column in ("alert", "fingerprint"):
        op.create_index(f"ix_alert_deliveries_{column}", "alert_deliveries", [column])
    pending = sa.text("delivered_at IS NULL AND cancelled_at IS NULL")
    op.create_index(
        "ix_alert_deliveries_pending",
        "alert_deliveries",
        ["next_attempt_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "alert_silences",
        sa.Column("number", _Number, autoincrement=True),
        sa.Column("matcher", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_alert_silences"),
    )
