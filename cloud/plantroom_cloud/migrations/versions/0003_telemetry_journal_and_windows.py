"""The journal knows what is late and how large it is, and counts up in 64 bits; windows that are to be computed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("telemetry_journal") as table:
        table.add_column(sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("size", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE telemetry_journal SET size = length(rows)")
    with op.batch_alter_table("telemetry_journal") as table:
        table.alter_column("late", server_default=None)
        table.alter_column("size", server_default=None)
    op.create_index("telemetry_journal_order", "telemetry_journal", ["late", "id", "size", "received_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("telemetry_journal", "id", type_=sa.BigInteger())
        op.execute("ALTER SEQUENCE telemetry_journal_id_seq AS bigint")
    op.drop_table("rollupdue")
    op.create_table(
        "rollup_due",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("level_s", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("metrics", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "level_s", "start_ms"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("rollup_due")
    op.create_table(
        "rollupdue",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("level_s", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "level_s", "start_ms"),
    )
    op.drop_index("telemetry_journal_order", "telemetry_journal")
    with op.batch_alter_table("telemetry_journal") as table:
        table.drop_column("size")
        table.drop_column("late")
