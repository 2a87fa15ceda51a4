"""Rationalisation of alarm rules, events of rules without it, labels of devices.

A rule that has its three texts gets the consequence and the time to respond that its severity usually stands for; one
that lacks a text makes events from now on.
"""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: severity, consequence, seconds to respond
_USUAL = (
    ("critical", "grave", 600.0),
    ("high", "serious", 3_600.0),
    ("medium", "moderate", 14_400.0),
    ("low", "minor", 86_400.0),
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rule_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=True),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("began_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("detected_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("ended_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("metric", sa.String(), nullable=True),
        sa.Column("value", plantroom_cloud.columns.Document, nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateway.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"],
            ["alarm_rule.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("rule_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rule_event_began_at"), ["began_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_rule_event_device_id"), ["device_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rule_event_gateway_id"), ["gateway_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rule_event_rule_id"), ["rule_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rule_event_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rule_event_source"), ["source"], unique=False)
        batch_op.create_index(
            "one_active_event_per_rule_and_source",
            ["rule_id", "source"],
            unique=True,
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        )

    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.add_column(sa.Column("respond_within_s", sa.Float(), nullable=False, server_default="0"))

    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("label", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("impact", sa.String(40), nullable=True))
        batch_op.add_column(sa.Column("respond_within_s", sa.Float(), nullable=False, server_default="0"))
        batch_op.create_index(batch_op.f("ix_alarm_rule_label"), ["label"], unique=False)

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("labels", plantroom_cloud.columns.Document, nullable=False, server_default="[]"))

    rules = sa.table(
        "alarm_rule",
        *map(sa.column, ("severity", "cause", "consequence", "response", "impact", "respond_within_s")),
    )
    told = sa.and_(*(sa.func.trim(rules.c[text]) != "" for text in ("cause", "consequence", "response")))
    for severity, impact, seconds in _USUAL:
        op.execute(
            sa.update(rules).where(rules.c.severity == severity, told).values(impact=impact, respond_within_s=seconds)
        )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_column("labels")

    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alarm_rule_label"))
        batch_op.drop_column("respond_within_s")
        batch_op.drop_column("impact")
        batch_op.drop_column("label")

    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.drop_column("respond_within_s")

    with op.batch_alter_table("rule_event", schema=None) as batch_op:
        batch_op.drop_index(
            "one_active_event_per_rule_and_source", sqlite_where=sa.text("active"), postgresql_where=sa.text("active")
        )
        batch_op.drop_index(batch_op.f("ix_rule_event_source"))
        batch_op.drop_index(batch_op.f("ix_rule_event_site_id"))
        batch_op.drop_index(batch_op.f("ix_rule_event_rule_id"))
        batch_op.drop_index(batch_op.f("ix_rule_event_gateway_id"))
        batch_op.drop_index(batch_op.f("ix_rule_event_device_id"))
        batch_op.drop_index(batch_op.f("ix_rule_event_began_at"))

    op.drop_table("rule_event")
