"""A table of what is true of the store as a whole; its identity is drawn once."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table with the one property that every store has."""
    properties = op.create_table(
        "store_properties",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_store_properties"),
    )
    op.bulk_insert(properties, [{"name": "identity", "value": uuid.uuid4().hex}])
