"""Photos become files of any kind; work orders have files."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.rename_table("photo", "stored_file")
    op.alter_column("stored_file", "taken_by", new_column_name="stored_by")
    op.create_table(
        "work_order_file",
        sa.Column("work_order_id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("added_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"]),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"]),
        sa.PrimaryKeyConstraint("work_order_id", "file_id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("work_order_file")
    op.alter_column("stored_file", "stored_by", new_column_name="taken_by")
    op.rename_table("stored_file", "photo")
