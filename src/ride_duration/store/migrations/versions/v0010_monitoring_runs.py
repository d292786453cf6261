"""Which run of the monitoring computes the rows of the log, so that one that was overtaken writes nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add it; rows that are there belong to no run."""
    op.add_column("monitoring_watermarks", sa.Column("run", sa.Text, nullable=False, server_default=""))
