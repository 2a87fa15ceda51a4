"""Limits of one metric that are set together."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("level", sa.String(40), nullable=True))
        batch_op.add_column(sa.Column("levels_id", sa.String(), nullable=True))
        batch_op.create_index(batch_op.f("ix_alarm_rule_levels_id"), ["levels_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alarm_rule_levels_id"))
        batch_op.drop_column("levels_id")
        batch_op.drop_column("level")
