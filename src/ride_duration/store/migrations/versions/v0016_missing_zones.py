"""How many logged rides of a day lack the zone of the pick-up, or of the drop-off."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add it; of days that are there it is unknown until anything comes in about them."""
    for name in ("no_pickup_zone", "no_dropoff_zone"):
        op.add_column("monitoring_labels", sa.Column(name, sa.Integer))
