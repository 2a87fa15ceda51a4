"""maintenance plans."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "maintenance_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("instructions", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=True),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column("team_id", sa.String(), nullable=True),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("estimated_h", sa.Float(), nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("enabled_since", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("trigger", sa.String(40), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("starts", sa.String(), nullable=False),
        sa.Column("floating", sa.Boolean(), nullable=False),
        sa.Column("avoid_holidays", sa.Boolean(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("every", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("above", sa.Boolean(), nullable=False),
        sa.Column("held_s", sa.Float(), nullable=False),
        sa.Column("counter_last", sa.Float(), nullable=True),
        sa.Column("counter_total", sa.Float(), nullable=False),
        sa.Column("counter_since", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("condition_since", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("condition_taken", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["asset.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["team_id"],
            ["team.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("maintenance_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_maintenance_plan_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_maintenance_plan_site_id"), ["site_id"], unique=False)

    op.create_table(
        "plan_occurrence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("due_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(40), nullable=False),
        sa.Column("finished_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("created_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["work_order.id"],
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["maintenance_plan.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("plan_id", "key"),
    )
    with op.batch_alter_table("plan_occurrence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_occurrence_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_plan_occurrence_plan_id"), ["plan_id"], unique=False)

    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("due_at", plantroom_cloud.columns.UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.drop_column("due_at")

    with op.batch_alter_table("plan_occurrence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_occurrence_plan_id"))
        batch_op.drop_index(batch_op.f("ix_plan_occurrence_due_at"))

    op.drop_table("plan_occurrence")
    with op.batch_alter_table("maintenance_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_maintenance_plan_site_id"))
        batch_op.drop_index(batch_op.f("ix_maintenance_plan_asset_id"))

    op.drop_table("maintenance_plan")
