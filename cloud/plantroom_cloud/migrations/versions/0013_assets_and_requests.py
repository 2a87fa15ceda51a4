"""Assets, what measures them, requests by label; more steps of work orders."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "asset_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "asset_request_count",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("hour", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "hour"),
    )
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("equipment_class", sa.String(), nullable=False),
        sa.Column("maker", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("criticality", sa.String(), nullable=False),
        sa.Column("installed_on", sa.Date(), nullable=True),
        sa.Column("warranty_until", sa.Date(), nullable=True),
        sa.Column("team_id", sa.String(), nullable=True),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("retired_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("created_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["asset.id"],
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
        sa.UniqueConstraint("code"),
    )
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_equipment_class"), ["equipment_class"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_site_id"), ["site_id"], unique=False)

    op.create_table(
        "asset_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("added_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["asset.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("asset_document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_document_asset_id"), ["asset_id"], unique=False)

    op.create_table(
        "asset_device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("since", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("until", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["asset.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("asset_device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_device_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_device_device_id"), ["device_id"], unique=False)

    op.create_table(
        "work_order_helper",
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("since", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("work_order_id", "user"),
    )
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asset_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("offered_to", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("requester", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("rating", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("rating_note", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_work_order_asset_id"), ["asset_id"], unique=False)
        batch_op.create_foreign_key("fk_work_order_asset_id_asset", "asset", ["asset_id"], ["id"])


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.drop_constraint("fk_work_order_asset_id_asset", type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_work_order_asset_id"))
        batch_op.drop_column("rating_note")
        batch_op.drop_column("rating")
        batch_op.drop_column("requester")
        batch_op.drop_column("offered_to")
        batch_op.drop_column("asset_id")

    op.drop_table("work_order_helper")
    with op.batch_alter_table("asset_device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_device_device_id"))
        batch_op.drop_index(batch_op.f("ix_asset_device_asset_id"))

    op.drop_table("asset_device")
    with op.batch_alter_table("asset_document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_document_asset_id"))

    op.drop_table("asset_document")
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_site_id"))
        batch_op.drop_index(batch_op.f("ix_asset_parent_id"))
        batch_op.drop_index(batch_op.f("ix_asset_equipment_class"))

    op.drop_table("asset")
    op.drop_table("asset_request_count")
    op.drop_table("asset_key")
