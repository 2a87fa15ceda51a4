"""Service levels."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "sla_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("terms", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("changed_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("site_id", "priority", "kind"),
    )
    op.create_table(
        "sla_agreement",
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("policy_id", sa.Integer(), nullable=False),
        sa.Column("terms", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("work_order_id"),
    )
    op.create_table(
        "sla_clock",
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("started_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("target_s", sa.Float(), nullable=False),
        sa.Column("elapsed_s", sa.Float(), nullable=False),
        sa.Column("due_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("next_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("warned_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("breached_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("ended_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("troubled", sa.Boolean(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("work_order_id", "kind", "round"),
    )
    with op.batch_alter_table("sla_clock", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sla_clock_next_at"), ["next_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sla_clock_started_at"), ["started_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sla_clock_state"), ["state"], unique=False)

    op.create_table(
        "sla_mark",
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reached_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("noted_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("told", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("work_order_id", "kind", "round", "name"),
    )
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sla_due_at", plantroom_cloud.columns.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("sla_state", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_work_order_sla_due_at"), ["sla_due_at"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_work_order_sla_due_at"))
        batch_op.drop_column("sla_state")
        batch_op.drop_column("sla_due_at")

    op.drop_table("sla_mark")
    with op.batch_alter_table("sla_clock", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sla_clock_state"))
        batch_op.drop_index(batch_op.f("ix_sla_clock_started_at"))
        batch_op.drop_index(batch_op.f("ix_sla_clock_next_at"))

    op.drop_table("sla_clock")
    op.drop_table("sla_agreement")
    op.drop_table("sla_policy")
