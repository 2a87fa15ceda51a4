"""Weighings with their labels, and the chain of custody of medical waste."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "waste_rules_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "department",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("staff", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_department_site_id", "department", ["site_id"], unique=False)
    op.create_table(
        "manifest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(63), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("carrier", sa.String(), nullable=False),
        sa.Column("vehicle", sa.String(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("shipped_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("shipped_by", sa.String(), nullable=False),
        sa.Column("carrier_signature", sa.String(), nullable=False),
        sa.Column("bags", sa.Integer(), nullable=False),
        sa.Column("kg", sa.Float(), nullable=False),
        sa.Column("kg_by_type", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("destroyed_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("destroyed_by", sa.String(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_manifest_site_id", "manifest", ["site_id"], unique=False)
    op.create_table(
        "station",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(63), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("window_s", sa.Float(), nullable=False),
        sa.Column("order", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("site_id", "key"),
    )
    op.create_table(
        "signing_pin",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("pin_hash", sa.String(), nullable=False),
        sa.Column("set_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user.id"],
        ),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "waste_bag",
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("department_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("printed_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("printed_by", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("stage_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("kg", sa.Float(), nullable=True),
        sa.Column("manifest_id", sa.Integer(), nullable=True),
        sa.Column("void_reason", sa.String(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("alarms", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
        ),
        sa.ForeignKeyConstraint(
            ["manifest_id"],
            ["manifest.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_index("ix_waste_bag_closed", "waste_bag", ["closed"], unique=False)
    op.create_index("ix_waste_bag_department_id", "waste_bag", ["department_id"], unique=False)
    op.create_index("ix_waste_bag_manifest_id", "waste_bag", ["manifest_id"], unique=False)
    op.create_index("ix_waste_bag_site_id", "waste_bag", ["site_id"], unique=False)
    op.create_index("ix_waste_bag_stage", "waste_bag", ["stage"], unique=False)
    op.create_table(
        "weighing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(127), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("received_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("kg", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("stable", sa.Boolean(), nullable=False),
        sa.Column("raw", sa.String(), nullable=False),
        sa.Column("time_source", sa.String(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateway.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("ix_weighing_at", "weighing", ["at"], unique=False)
    op.create_index("ix_weighing_code", "weighing", ["code"], unique=False)
    op.create_index("ix_weighing_device_id", "weighing", ["device_id"], unique=False)
    op.create_index("ix_weighing_gateway_id", "weighing", ["gateway_id"], unique=False)
    op.create_index("ix_weighing_site_id", "weighing", ["site_id"], unique=False)
    op.create_index("ix_weighing_state", "weighing", ["state"], unique=False)
    op.create_index("ix_weighing_station", "weighing", ["station"], unique=False)
    op.create_table(
        "bag_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bag_code", sa.String(16), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("recorded_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bag_code"],
            ["waste_bag.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_bag_entry_bag_code", "bag_entry", ["bag_code"], unique=False)
    op.create_table(
        "bag_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bag_code", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("opened_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("completed_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("weighing_id", sa.Integer(), nullable=True),
        sa.Column("kg", sa.Float(), nullable=True),
        sa.Column("manifest_id", sa.Integer(), nullable=True),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.Column("explained", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bag_code"],
            ["waste_bag.code"],
        ),
        sa.ForeignKeyConstraint(
            ["manifest_id"],
            ["manifest.id"],
        ),
        sa.ForeignKeyConstraint(
            ["weighing_id"],
            ["weighing.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bag_code", "stage"),
    )
    op.create_index("ix_bag_record_bag_code", "bag_record", ["bag_code"], unique=False)
    op.create_index("ix_bag_record_completed_at", "bag_record", ["completed_at"], unique=False)
    op.create_table(
        "label_scan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(127), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("received_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("weighing_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateway.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["weighing_id"],
            ["weighing.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("ix_label_scan_at", "label_scan", ["at"], unique=False)
    op.create_index("ix_label_scan_code", "label_scan", ["code"], unique=False)
    op.create_index("ix_label_scan_gateway_id", "label_scan", ["gateway_id"], unique=False)
    op.create_index("ix_label_scan_site_id", "label_scan", ["site_id"], unique=False)
    op.create_index("ix_label_scan_state", "label_scan", ["state"], unique=False)
    op.create_index("ix_label_scan_station", "label_scan", ["station"], unique=False)
    op.create_table(
        "bag_signature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["bag_record.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record_id", "role"),
    )
    op.create_index("ix_bag_signature_record_id", "bag_signature", ["record_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("bag_signature")
    op.drop_table("label_scan")
    op.drop_table("bag_record")
    op.drop_table("bag_entry")
    op.drop_table("weighing")
    op.drop_table("waste_bag")
    op.drop_table("signing_pin")
    op.drop_table("station")
    op.drop_table("manifest")
    op.drop_table("department")
    op.drop_table("waste_rules_version")
