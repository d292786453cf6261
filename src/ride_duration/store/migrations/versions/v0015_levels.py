"""Published live levels and leases; of each prediction what the model answered before the level, and which that was."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make and add them; of predictions that are there, and of former services, the raw answer is the answer."""
    for name in ("duration_raw", "lower_raw", "upper_raw"):
        op.add_column("predictions", sa.Column(name, sa.Double))
    op.add_column("predictions", sa.Column("level", sa.BigInteger))
    op.create_table(
        "levels",
        sa.Column("number", _Number, autoincrement=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("frozen", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("predictions", sa.BigInteger, nullable=False),
        sa.Column("actuals", sa.BigInteger, nullable=False),
        sa.Column("began_at", sa.Double, nullable=False),
        sa.Column("half_life", sa.Double, nullable=False),
        sa.Column("rides", sa.Integer, nullable=False),
        sa.Column("rescored", sa.Integer, nullable=False),
        sa.Column("incidents", sa.Text, nullable=False),
        sa.Column("published_at", sa.Double, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_levels"),
        sa.UniqueConstraint("model", "version", "step", name="uq_levels_model_version_step"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
