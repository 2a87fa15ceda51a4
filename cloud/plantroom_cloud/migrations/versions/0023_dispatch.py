"""Dispatch."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "skill_need",
        sa.Column("of", sa.String(40), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("skills", plantroom_cloud.columns.Document, nullable=False),
        sa.PrimaryKeyConstraint("of", "ref"),
    )
    op.create_table(
        "team_dispatch",
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id"),
    )
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("skills", plantroom_cloud.columns.Document, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("shift", sa.String(), nullable=False, server_default=""))

    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("skills", plantroom_cloud.columns.Document, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.drop_column("skills")

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_column("shift")
        batch_op.drop_column("skills")

    op.drop_table("team_dispatch")
    op.drop_table("skill_need")
