"""Leases and job runs, messages that the quarantine dropped; changes count up in 64 bits."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "job_run",
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("due_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=False),
        sa.Column("claimed_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("plan", "due_at"),
    )
    op.create_table(
        "quarantine_dropped",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_index("quarantine_order", "quarantinedmessage", ["dismissed_at", "id", "size"])
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("change", "id", type_=sa.BigInteger())
        op.execute("ALTER SEQUENCE change_id_seq AS bigint")


def downgrade() -> None:
    """Take back."""
    op.drop_index("quarantine_order", "quarantinedmessage")
    op.drop_table("quarantine_dropped")
    op.drop_table("job_run")
    op.drop_table("lease")
