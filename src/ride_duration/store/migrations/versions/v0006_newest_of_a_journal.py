"""Find the newest record of a ride in one journal without reading all of them."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add an index to both tables."""
    for table in ("predictions", "actuals"):
        columns = ["ride_id", "source", "arrival"]
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
