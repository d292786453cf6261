"""A table of the rollouts of challengers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make it; of each model, one rollout at a time is open."""
    op.create_table(
        "rollouts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("against", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("history", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rollouts"),
    )
    open_ones = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_rollouts_model_open",
        "rollouts",
        ["model"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
