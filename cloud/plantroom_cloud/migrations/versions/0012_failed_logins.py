"""Failed logins, so that a restart forgives nobody."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "failed_login",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", plantroom_cloud.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_failed_login_key", "failed_login", ["key"])
    op.create_index("ix_failed_login_at", "failed_login", ["at"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("failed_login")
