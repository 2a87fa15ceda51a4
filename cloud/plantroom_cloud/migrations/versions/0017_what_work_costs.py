"""What work costs: labour, rates, parts and their movements, extra costs, downtime, estimates."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "labour_rate",
        sa.Column("whose", sa.String(), nullable=False),
        sa.Column("amount", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("weekly_hours", plantroom_cloud.columns.Exact(), nullable=True),
        sa.PrimaryKeyConstraint("whose"),
    )
    op.create_table(
        "part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("unit_cost", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("minimum", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("stock", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "downtime",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=True),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column("started_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("ended_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("struck_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("struck_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["asset.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("downtime", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_downtime_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_downtime_device_id"), ["device_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_downtime_started_at"), ["started_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_downtime_work_order_id"), ["work_order_id"], unique=False)

    op.create_table(
        "extra_cost",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("amount", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("struck_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("struck_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("extra_cost", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_extra_cost_work_order_id"), ["work_order_id"], unique=False)

    op.create_table(
        "labour",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("activity", sa.String(40), nullable=False),
        sa.Column("started_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("ended_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("rate", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("struck_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("struck_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("labour", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_labour_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_labour_work_order_id"), ["work_order_id"], unique=False)
        batch_op.create_index(
            "one_running_timer_per_person",
            ["person"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "part_movement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("part_id", sa.Integer(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("quantity", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("stock_after", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("unit_cost", plantroom_cloud.columns.Exact(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=True),
        sa.Column("reverses", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["part_id"],
            ["part.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reverses"],
            ["part_movement.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reverses"),
    )
    with op.batch_alter_table("part_movement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_part_movement_part_id"), ["part_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_part_movement_work_order_id"), ["work_order_id"], unique=False)

    op.create_table(
        "work_order_estimate",
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("work_order_id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("work_order_estimate")
    with op.batch_alter_table("part_movement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_part_movement_work_order_id"))
        batch_op.drop_index(batch_op.f("ix_part_movement_part_id"))

    op.drop_table("part_movement")
    with op.batch_alter_table("labour", schema=None) as batch_op:
        batch_op.drop_index(
            "one_running_timer_per_person",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_labour_work_order_id"))
        batch_op.drop_index(batch_op.f("ix_labour_person"))

    op.drop_table("labour")
    with op.batch_alter_table("extra_cost", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_extra_cost_work_order_id"))

    op.drop_table("extra_cost")
    with op.batch_alter_table("downtime", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_downtime_work_order_id"))
        batch_op.drop_index(batch_op.f("ix_downtime_started_at"))
        batch_op.drop_index(batch_op.f("ix_downtime_device_id"))
        batch_op.drop_index(batch_op.f("ix_downtime_asset_id"))

    op.drop_table("downtime")
    op.drop_table("part")
    op.drop_table("labour_rate")
