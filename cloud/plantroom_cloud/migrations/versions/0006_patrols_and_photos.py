"""Patrol points, routes, rounds, visits and findings; photos."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "photo",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("stored_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "patrol_route",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("starts", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("early_s", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("release_ahead_s", sa.Integer(), nullable=False),
        sa.Column("travel_s", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.String(), nullable=True),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("updated_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.Column("next_due_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_release_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
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
    with op.batch_alter_table("patrol_route", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_route_next_release_at"), ["next_release_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_route_site_id"), ["site_id"], unique=False)

    op.create_table(
        "patrol_point",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column(
            "code_kind", sa.Enum("static", "rotating", name="codekind", native_enum=False, length=40), nullable=False
        ),
        sa.Column("instructions", sa.String(), nullable=False),
        sa.Column("display_hash", sa.String(), nullable=True),
        sa.Column("created_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("retired_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("display_hash"),
    )
    with op.batch_alter_table("patrol_point", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_point_site_id"), ["site_id"], unique=False)

    op.create_table(
        "patrol_key",
        sa.Column("point_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("made_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("revoked_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["point_id"],
            ["patrol_point.id"],
        ),
        sa.PrimaryKeyConstraint("point_id", "version"),
    )
    op.create_table(
        "patrol_stop",
        sa.Column("route_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("point_id", sa.String(), nullable=False),
        sa.Column("window_from_s", sa.Integer(), nullable=True),
        sa.Column("window_to_s", sa.Integer(), nullable=True),
        sa.Column("travel_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["point_id"],
            ["patrol_point.id"],
        ),
        sa.ForeignKeyConstraint(
            ["route_id"],
            ["patrol_route.id"],
        ),
        sa.PrimaryKeyConstraint("route_id", "position"),
    )
    with op.batch_alter_table("patrol_stop", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_stop_point_id"), ["point_id"], unique=False)

    op.create_table(
        "patrol_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("route_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("due_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opens_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closes_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "released",
                "in-progress",
                "complete",
                "complete-with-deviations",
                "missed",
                "cancelled",
                name="roundstate",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("work_order_id", sa.Integer(), nullable=True),
        sa.Column("released_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("judge_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("reviewed_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["route_id"],
            ["patrol_route.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("route_id", "due_at"),
    )
    with op.batch_alter_table("patrol_round", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_round_closes_at"), ["closes_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_round_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_round_judge_at"), ["judge_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_round_route_id"), ["route_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_round_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_round_work_order_id"), ["work_order_id"], unique=False)

    op.create_table(
        "patrol_finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("point_id", sa.String(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("photos", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("received_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["point_id"],
            ["patrol_point.id"],
        ),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["patrol_round.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ref"),
    )
    with op.batch_alter_table("patrol_finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_finding_point_id"), ["point_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_finding_round_id"), ["round_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_finding_site_id"), ["site_id"], unique=False)

    op.create_table(
        "patrol_round_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=False),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["patrol_round.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("patrol_round_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_round_entry_round_id"), ["round_id"], unique=False)

    op.create_table(
        "patrol_round_stop",
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("point_id", sa.String(), nullable=False),
        sa.Column("opens_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closes_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("travel_s", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "visited",
                "early",
                "late",
                "skipped",
                "missed",
                name="stopstate",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("visit_id", sa.Integer(), nullable=True),
        sa.Column("visited_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("deviations", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("skip_reason", sa.String(), nullable=False),
        sa.Column("skipped_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["point_id"],
            ["patrol_point.id"],
        ),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["patrol_round.id"],
        ),
        sa.PrimaryKeyConstraint("round_id", "position"),
    )
    with op.batch_alter_table("patrol_round_stop", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_round_stop_point_id"), ["point_id"], unique=False)

    op.create_table(
        "patrol_visit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("point_id", sa.String(), nullable=True),
        sa.Column("proof", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("marks", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=True),
        sa.Column("gateway_said", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("received_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("window", sa.Integer(), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=True),
        sa.Column("counted", sa.String(), nullable=True),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateway.id"],
        ),
        sa.ForeignKeyConstraint(
            ["point_id"],
            ["patrol_point.id"],
        ),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["patrol_round.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("counted"),
        sa.UniqueConstraint("ref"),
    )
    with op.batch_alter_table("patrol_visit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_visit_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_visit_point_id"), ["point_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_visit_round_id"), ["round_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_visit_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_visit_suspect"), ["suspect"], unique=False)


def downgrade() -> None:
    """Undo."""
    for table in (
        "patrol_finding",
        "patrol_round_entry",
        "patrol_round_stop",
        "patrol_visit",
        "patrol_round",
        "patrol_stop",
        "patrol_route",
        "patrol_key",
        "patrol_point",
        "photo",
    ):
        op.drop_table(table)
