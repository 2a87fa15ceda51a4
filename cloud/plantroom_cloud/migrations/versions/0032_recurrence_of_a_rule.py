"""How soon a trouble must be back to be the same one, by its rule."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: rules that were there keep the installation's time."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recurrence_s", sa.Float(), nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("alarm_rule", schema=None) as batch_op:
        batch_op.drop_column("recurrence_s")
