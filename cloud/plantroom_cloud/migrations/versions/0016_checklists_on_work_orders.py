"""Checklists on work orders: templates, steps, answers, follow-ups."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "checklist_template",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("steps", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("updated_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.Column("retired_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "order_checklist",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("template_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attached_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("attached_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["checklist_template.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("work_order_id", "template_id"),
    )
    with op.batch_alter_table("order_checklist", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_checklist_work_order_id"), ["work_order_id"], unique=False)

    op.create_table(
        "order_checklist_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checklist_id", sa.Integer(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("definition", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["checklist_id"],
            ["order_checklist.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("checklist_id", "position"),
    )
    with op.batch_alter_table("order_checklist_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_checklist_step_checklist_id"), ["checklist_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_checklist_step_work_order_id"), ["work_order_id"], unique=False)

    op.create_table(
        "order_checklist_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("value", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("verdict", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("claimed_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.Column("received_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("live", plantroom_cloud.columns.Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["step_id"],
            ["order_checklist_step.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ref"),
    )
    with op.batch_alter_table("order_checklist_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_checklist_answer_series"), ["series"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_checklist_answer_step_id"), ["step_id"], unique=False)

    op.create_table(
        "order_checklist_follow_up",
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("opened_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("corrected_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["step_id"],
            ["order_checklist_step.id"],
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_order.id"],
        ),
        sa.PrimaryKeyConstraint("step_id"),
        sa.UniqueConstraint("work_order_id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("order_checklist_follow_up")
    with op.batch_alter_table("order_checklist_answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_checklist_answer_step_id"))
        batch_op.drop_index(batch_op.f("ix_order_checklist_answer_series"))

    op.drop_table("order_checklist_answer")
    with op.batch_alter_table("order_checklist_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_checklist_step_work_order_id"))
        batch_op.drop_index(batch_op.f("ix_order_checklist_step_checklist_id"))

    op.drop_table("order_checklist_step")
    with op.batch_alter_table("order_checklist", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_checklist_work_order_id"))

    op.drop_table("order_checklist")
    op.drop_table("checklist_template")
