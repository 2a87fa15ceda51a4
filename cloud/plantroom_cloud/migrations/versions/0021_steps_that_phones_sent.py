"""steps that phones sent."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "task_step",
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("claimed_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("taken_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("ref"),
    )
    with op.batch_alter_table("task_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_step_work_order_id"), ["work_order_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("task_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_step_work_order_id"))

    op.drop_table("task_step")
