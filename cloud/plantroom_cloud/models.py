"""All tables, imported in one place for Alembic and for tests."""

from sqlmodel import SQLModel

import plantroom_cloud.absences.models
import plantroom_cloud.access.models
import plantroom_cloud.alarms.models
import plantroom_cloud.assets.models
import plantroom_cloud.calendars.models
import plantroom_cloud.checklists.models
import plantroom_cloud.costs.models
import plantroom_cloud.departments.models
import plantroom_cloud.devices.models
import plantroom_cloud.dispatch.models
import plantroom_cloud.documents.models
import plantroom_cloud.files.models
import plantroom_cloud.gateways.models
import plantroom_cloud.jobs.models
import plantroom_cloud.notifications.models
import plantroom_cloud.parts.models
import plantroom_cloud.patrols.models
import plantroom_cloud.plans.models
import plantroom_cloud.quarantine.models
import plantroom_cloud.sites.models
import plantroom_cloud.sla.models
import plantroom_cloud.stream.models
import plantroom_cloud.tasks.models
import plantroom_cloud.telemetry.models
import plantroom_cloud.users.models
import plantroom_cloud.waste.models
import plantroom_cloud.weighings.models
import plantroom_cloud.workorders.models  # noqa: F401

metadata = SQLModel.metadata
