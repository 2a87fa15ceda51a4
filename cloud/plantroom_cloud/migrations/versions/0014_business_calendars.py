"""Business calendars."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "business_calendar",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("hours", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("holidays", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("worked", plantroom_cloud.columns.Document, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "site_calendar",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("calendar_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["business_calendar.id"],
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.PrimaryKeyConstraint("site_id"),
    )
    with op.batch_alter_table("site_calendar", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_calendar_calendar_id"), ["calendar_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("site_calendar", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_calendar_calendar_id"))

    op.drop_table("site_calendar")
    op.drop_table("business_calendar")
