"""The name of the registered model beside each prediction."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add it; of the predictions that are there, and of those that older services still add, it is not known."""
    op.add_column("predictions", sa.Column("model", sa.Text, nullable=False, server_default=""))
