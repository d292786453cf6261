"""The journal that a record came from, whose order holds whatever the clock said."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add it; of the records that are there, and of those that older services still add, it is not known."""
    for table in ("predictions", "actuals"):
        op.add_column(table, sa.Column("source", sa.Text, nullable=False, server_default=""))
