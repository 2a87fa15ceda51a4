"""Alarms set aside: shelved, suppressed by design, out of service; latching, re-alarm, first-out groups."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alarm_suppression",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("since", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("until", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("once", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("first_alarm_id", sa.Integer(), nullable=True),
        sa.Column("work_order_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_alarm_id"],
            ["alarm.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"],
            ["alarm_rule.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alarm_suppression", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alarm_suppression_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alarm_suppression_first_alarm_id"), ["first_alarm_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alarm_suppression_rule_id"), ["rule_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alarm_suppression_source"), ["source"], unique=False)
        batch_op.create_index(batch_op.f("ix_alarm_suppression_until"), ["until"], unique=False)
        batch_op.create_index(batch_op.f("ix_alarm_suppression_work_order_id"), ["work_order_id"], unique=False)

    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("latching", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("realarm_s", sa.Float(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("first_out", sa.String(), nullable=False, server_default=""))

    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("out_of_service", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.drop_column("out_of_service")

    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.drop_column("first_out")
        batch_op.drop_column("realarm_s")
        batch_op.drop_column("latching")

    with op.batch_alter_table("alarm_suppression", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alarm_suppression_work_order_id"))
        batch_op.drop_index(batch_op.f("ix_alarm_suppression_until"))
        batch_op.drop_index(batch_op.f("ix_alarm_suppression_source"))
        batch_op.drop_index(batch_op.f("ix_alarm_suppression_rule_id"))
        batch_op.drop_index(batch_op.f("ix_alarm_suppression_first_alarm_id"))
        batch_op.drop_index(batch_op.f("ix_alarm_suppression_ended_at"))

    op.drop_table("alarm_suppression")
