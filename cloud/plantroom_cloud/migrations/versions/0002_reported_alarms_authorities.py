"""Alarms that domains report, what gateways decide by, stations of devices."""

import sqlalchemy as sa
from alembic import op

import plantroom_cloud.columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


#: Lists that were types of PostgreSQL, and are text now, so that they may grow: (table, column, type).
_WORDS = (
    ("user", "role", "role"),
    ("alarm_rule", "kind", "rulekind"),
    ("alarm_rule", "severity", "severity"),
    ("alarm", "severity", "severity"),
    ("alarm", "state", "alarmstate"),
    ("alarm_transition", "from_state", "alarmstate"),
    ("alarm_transition", "to_state", "alarmstate"),
    ("work_order", "state", "workorderstate"),
)


def upgrade() -> None:
    """Apply."""
    postgres = op.get_bind().dialect.name == "postgresql"
    for table, column, _kind in _WORDS:
        text = f"lower(replace(CAST(\"{column}\" AS VARCHAR), '_', '-'))"
        if postgres:
            op.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE VARCHAR(40) USING {text}')
        else:
            with op.batch_alter_table(table) as batch:
                batch.alter_column(column, existing_type=sa.String(), type_=sa.String(40))
            op.execute(f'UPDATE "{table}" SET "{column}" = {text}')
    if postgres:
        for kind in sorted({kind for _table, _column, kind in _WORDS}):
            op.execute(f"DROP TYPE {kind}")
    op.create_table(
        "gateway_authority",
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", plantroom_cloud.columns.Document, nullable=False),
        sa.Column("issued_at", plantroom_cloud.columns.UtcDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("applied_version", sa.Integer(), nullable=True),
        sa.Column("answered_at", plantroom_cloud.columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"]),
        sa.PrimaryKeyConstraint("gateway_id", "name"),
    )
    with op.batch_alter_table("alarm") as batch:
        batch.alter_column("gateway_id", existing_type=sa.String(), nullable=True)
        batch.add_column(sa.Column("detail", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("device") as batch:
        batch.add_column(sa.Column("station", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """There is no way back: what has grown since has no place in the old types."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
