"""Alembic's entry: the engine comes from `plantroom-cloud migrate`."""

from alembic import context

from plantroom_cloud.models import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
