"""Alarm rules that people delete are kept for the alarms that they raised."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("alarm_rule") as batch:
        batch.add_column(sa.Column("deleted_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("alarm_rule") as batch:
        batch.drop_column("deleted_at")
