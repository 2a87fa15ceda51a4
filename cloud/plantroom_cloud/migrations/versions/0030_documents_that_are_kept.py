"""A document of an asset may be a file that is kept here, not only a link."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("asset_document", schema=None) as batch_op:
        batch_op.add_column(sa.Column("file_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("name", sa.String(), nullable=False, server_default=""))
        batch_op.create_foreign_key("fk_asset_document_file_id", "stored_file", ["file_id"], ["id"])


def downgrade() -> None:
    """Take back; documents that are files are lost."""
    op.execute("DELETE FROM asset_document WHERE file_id IS NOT NULL")
    with op.batch_alter_table("asset_document", schema=None) as batch_op:
        batch_op.drop_constraint("fk_asset_document_file_id", type_="foreignkey")
        batch_op.drop_column("name")
        batch_op.drop_column("file_id")
