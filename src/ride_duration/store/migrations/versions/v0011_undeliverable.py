"""Notifications that were given up, and why an alert is over where that is no finding."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add them; the time of what is pending begins with its next attempt."""
    op.add_column("alerts", sa.Column("resolved_why", sa.Text, nullable=False, server_default=""))
    for name in ("first_attempt_at", "refused_since", "undeliverable_at"):
        op.add_column("alert_deliveries", sa.Column(name, sa.Double))
