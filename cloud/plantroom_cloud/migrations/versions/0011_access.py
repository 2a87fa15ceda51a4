"""Who passes gates: zones, hours, groups, people, credentials, gates, the access log."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "access_change",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("site_id"),
    )
    op.create_table(
        "access_group",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("grants", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("access_group", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_group_site_id"), ["site_id"], unique=False)

    op.create_table(
        "access_holiday",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("site_id", "day"),
    )
    op.create_table(
        "access_hours",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spans", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("access_hours", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_hours_site_id"), ["site_id"], unique=False)

    op.create_table(
        "access_person",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("groups", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("valid_from", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("valid_until", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("pin", sa.String(), nullable=False),
        sa.Column("through_lockdown", sa.Boolean(), nullable=False),
        sa.Column("made_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("access_person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_person_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_person_site_id"), ["site_id"], unique=False)

    op.create_table(
        "access_zone",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("access_zone", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_zone_site_id"), ["site_id"], unique=False)

    op.create_table(
        "access_credential",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column(
            "standing",
            sa.Enum("active", "blocked", "lost", name="standing", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("valid_until", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("made_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["access_person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("site_id", "key"),
    )
    with op.batch_alter_table("access_credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_credential_person_id"), ["person_id"], unique=False)

    op.create_table(
        "access_entry",
        sa.Column("id", plantroom_cloud.columns.BigId, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("decision", "command", "forced", name="entrykind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("credential", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("list_version", sa.Integer(), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("result_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
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
    with op.batch_alter_table("access_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_entry_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_entry_gate"), ["gate"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_entry_outcome"), ["outcome"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_entry_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_entry_site_id"), ["site_id"], unique=False)

    op.create_table(
        "access_gate",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("inside", sa.String(), nullable=True),
        sa.Column("outside", sa.String(), nullable=True),
        sa.Column("pin_hours", sa.String(), nullable=False),
        sa.Column("anti_passback", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateway.id"],
        ),
        sa.ForeignKeyConstraint(
            ["inside"],
            ["access_zone.id"],
        ),
        sa.ForeignKeyConstraint(
            ["outside"],
            ["access_zone.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("device_id"),
    )
    with op.batch_alter_table("access_gate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_gate_gateway_id"), ["gateway_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_gate_site_id"), ["site_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("access_gate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_gate_site_id"))
        batch_op.drop_index(batch_op.f("ix_access_gate_gateway_id"))

    op.drop_table("access_gate")
    with op.batch_alter_table("access_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_entry_site_id"))
        batch_op.drop_index(batch_op.f("ix_access_entry_person_id"))
        batch_op.drop_index(batch_op.f("ix_access_entry_outcome"))
        batch_op.drop_index(batch_op.f("ix_access_entry_gate"))
        batch_op.drop_index(batch_op.f("ix_access_entry_at"))

    op.drop_table("access_entry")
    with op.batch_alter_table("access_credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_credential_person_id"))

    op.drop_table("access_credential")
    with op.batch_alter_table("access_zone", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_zone_site_id"))

    op.drop_table("access_zone")
    with op.batch_alter_table("access_person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_person_site_id"))
        batch_op.drop_index(batch_op.f("ix_access_person_name"))

    op.drop_table("access_person")
    with op.batch_alter_table("access_hours", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_hours_site_id"))

    op.drop_table("access_hours")
    op.drop_table("access_holiday")
    with op.batch_alter_table("access_group", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_group_site_id"))

    op.drop_table("access_group")
    op.drop_table("access_change")
