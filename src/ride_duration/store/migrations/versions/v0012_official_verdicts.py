"""Which verdicts are official; when the newest records of a model were made; why somebody has marked a day."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add columns; where the last days of the log were looked at, verdicts about other windows were explorations."""
    official = sa.Column("official", sa.Integer, nullable=False, server_default="1")
    op.add_column("monitoring_verdicts", official)
    op.add_column("monitoring_verdicts", sa.Column("watermark_at", sa.Double))
    op.add_column("monitoring_watermarks", sa.Column("asked_at", sa.Double))
    op.add_column("monitoring_watermarks", sa.Column("received_at", sa.Double))
    op.add_column("incident_days", sa.Column("why", sa.Text, nullable=False, server_default=""))
    table = sa.table("monitoring_verdicts", sa.column("model"), sa.column("window"), sa.column("official"))
    followed = table.alias()
    models = sa.select(followed.c.model).where(followed.c.window.startswith("last_", autoescape=True))
    others = ~table.c.window.startswith("last_", autoescape=True) & table.c.model.in_(models)
    op.execute(table.update().where(others).values(official=0))
