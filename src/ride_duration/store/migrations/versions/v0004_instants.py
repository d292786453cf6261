"""When rides began and ended, beside the wall clock, which shows some hours twice."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add both; of the records that are there, and of those that older services still add, they are not known."""
    op.add_column("predictions", sa.Column("pickup_at", sa.Double))
    op.add_column("actuals", sa.Column("dropoff_at", sa.Double))
