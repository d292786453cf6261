"""What is expected of rides whose actual duration is not reported yet; unseen values, and answers by hour."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add it; of days that are there it is unknown until anything comes in about them."""
    for name in ("awaited", "awaited_expected"):
        op.add_column("monitoring_days", sa.Column(name, sa.Double))
    op.add_column("monitoring_features", sa.Column("unseen", sa.Double))
    op.add_column("monitoring_features", sa.Column("hours", sa.Text))
