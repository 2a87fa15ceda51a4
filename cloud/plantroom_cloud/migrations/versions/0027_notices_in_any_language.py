"""What a notice says, so that each person is told in the own language."""

import sqlalchemy as sa
from alembic import op

from plantroom_cloud.columns import Document

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("texts", Document, nullable=False, server_default="{}"))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_column("texts")
