"""Alarms that another rule's alarm suppresses by design."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("suppressed_by", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("suppressed_within", sa.String(40), nullable=False, server_default="device"))
        batch_op.create_index(batch_op.f("ix_alarm_rule_suppressed_by"), ["suppressed_by"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_alarm_rule_suppressed_by_alarm_rule"), "alarm_rule", ["suppressed_by"], ["id"]
        )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_alarm_rule_suppressed_by_alarm_rule"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_alarm_rule_suppressed_by"))
        batch_op.drop_column("suppressed_within")
        batch_op.drop_column("suppressed_by")
