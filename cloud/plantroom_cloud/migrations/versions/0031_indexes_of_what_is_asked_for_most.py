"""Indexes of what is asked for most: open orders each second, commands that wait five times a second, histories."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_auditentry_object"), ["object"], unique=False)

    with op.batch_alter_table("gatewaycommand", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gatewaycommand_state"), ["state"], unique=False)

    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_order_assignee"), ["assignee"], unique=False)
        batch_op.create_index(batch_op.f("ix_work_order_state"), ["state"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("work_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_work_order_state"))
        batch_op.drop_index(batch_op.f("ix_work_order_assignee"))

    with op.batch_alter_table("gatewaycommand", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gatewaycommand_state"))

    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_auditentry_object"))
