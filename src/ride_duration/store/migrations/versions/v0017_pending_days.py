"""The days that a run of the monitoring has still to compute: one that was interrupted is gone on with."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add them: none."""
    op.add_column("monitoring_watermarks", sa.Column("pending", sa.Text, nullable=False, server_default="[]"))
