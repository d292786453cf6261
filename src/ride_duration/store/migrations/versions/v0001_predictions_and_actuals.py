"""Tables of predictions and of what really happened."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ARRIVAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "predictions",
        sa.Column("arrival", _ARRIVAL, autoincrement=True),
        sa.Column("prediction_id", sa.Text, nullable=False),
        sa.Column("ride_id", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("pickup_datetime", sa.DateTime, nullable=False),
        sa.Column("pickup_zone", sa.Integer),
        sa.Column("dropoff_zone", sa.Integer),
        sa.Column("trip_distance", sa.Double),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("lower", sa.Double, nullable=False),
        sa.Column("upper", sa.Double, nullable=False),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("arrival", name="pk_predictions"),
        sa.UniqueConstraint("prediction_id", name="uq_predictions_prediction_id"),
    )
    op.create_index("ix_predictions_ride_id_asked_at", "predictions", ["ride_id", "asked_at"])
    op.create_index("ix_predictions_asked_at", "predictions", ["asked_at"])
    op.create_table(
        "actuals",
        sa.Column("arrival", _ARRIVAL, autoincrement=True),
        sa.Column("actual_id", sa.Text, nullable=False),
        sa.Column("ride_id", sa.Text, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("duration", sa.Double),
        sa.Column("dropoff_datetime", sa.DateTime),
        sa.PrimaryKeyConstraint("arrival", name="pk_actuals"),
        sa.UniqueConstraint("actual_id", name="uq_actuals_actual_id"),
    )
    op.create_index("ix_actuals_ride_id_received_at", "actuals", ["ride_id", "received_at"])
    op.create_index("ix_actuals_received_at", "actuals", ["received_at"])
