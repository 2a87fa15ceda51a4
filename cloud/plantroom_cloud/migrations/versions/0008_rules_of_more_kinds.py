"""Alarm rules of more kinds, on a site, at times."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("more", plantroom_cloud.columns.Document, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("site_id", sa.String(), nullable=True))
        batch_op.create_index(batch_op.f("ix_alarm_rule_site_id"), ["site_id"], unique=False)
        batch_op.create_foreign_key("fk_alarm_rule_site_id_site", "site", ["site_id"], ["id"])


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.drop_constraint("fk_alarm_rule_site_id_site", type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_alarm_rule_site_id"))
        batch_op.drop_column("site_id")
        batch_op.drop_column("more")
