"""Plans: by alarms, with a checklist, by counters that are reset or replaced."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; a counter that was due before counts its next interval from now."""
    with op.batch_alter_table("maintenance_plan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alarm_rule_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("checklist_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("counter_read_at", plantroom_cloud.columns.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("counter_base", sa.Float(), nullable=False, server_default="0"))
        batch_op.add_column(
            sa.Column("counter_days", plantroom_cloud.columns.Document, nullable=False, server_default="[]")
        )
        batch_op.add_column(sa.Column("alarm_seen", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_foreign_key("fk_maintenance_plan_alarm_rule_id", "alarm_rule", ["alarm_rule_id"], ["id"])
        batch_op.create_foreign_key("fk_maintenance_plan_checklist_id", "checklist_template", ["checklist_id"], ["id"])
        batch_op.drop_column("counter_since")
    op.execute(
        "UPDATE maintenance_plan SET counter_base = counter_total WHERE id IN (SELECT plan_id FROM plan_occurrence)"
    )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("maintenance_plan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("counter_since", plantroom_cloud.columns.UtcDateTime(), nullable=True))
        batch_op.drop_constraint("fk_maintenance_plan_checklist_id", type_="foreignkey")
        batch_op.drop_constraint("fk_maintenance_plan_alarm_rule_id", type_="foreignkey")
        batch_op.drop_column("alarm_seen")
        batch_op.drop_column("counter_days")
        batch_op.drop_column("counter_base")
        batch_op.drop_column("counter_read_at")
        batch_op.drop_column("checklist_id")
        batch_op.drop_column("alarm_rule_id")
