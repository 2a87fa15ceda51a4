"""Plans see the events of rules that make no alarms; a no-data rule may name a metric.

What was seen before makes nothing due. Metrics that no-data rules carried without a meaning are dropped.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("maintenance_plan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("event_seen", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE maintenance_plan SET event_seen = COALESCE((SELECT MAX(id) FROM rule_event), 0)")
    op.execute("UPDATE alarm_rule SET metric = NULL WHERE kind = 'no-data'")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("maintenance_plan", schema=None) as batch_op:
        batch_op.drop_column("event_seen")
