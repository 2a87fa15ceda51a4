"""The book of templates."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.checklists import repository
from plantroom_cloud.checklists.definition import StepDefinition, mistakes
from plantroom_cloud.checklists.models import ChecklistTemplate
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_shared.said import said

MOST_DESCRIPTION = 2000


class TemplateBook:
    """Works in the session it is given."""

    def all(self, session: Session, *, retired: bool = False) -> list[ChecklistTemplate]:
        """By name."""
        return repository.templates(session, retired=retired)

    def get(self, session: Session, template_id: int) -> ChecklistTemplate:
        """Raises NotFoundError."""
        template = session.get(ChecklistTemplate, template_id)
        if template is None:
            raise NotFoundError(said("there is no checklist template %(template_id)s", template_id=template_id))
        return template

    def make(
        self, session: Session, name: str, description: str, steps: Sequence[StepDefinition], actor: str, at: datetime
    ) -> ChecklistTemplate:
        """A new one; raises InvalidFieldsError."""
        self._check(session, name, description, steps, None)
        template = ChecklistTemplate(
            name=name.strip(), description=description.strip(), steps=_kept(steps), updated_at=at, updated_by=actor
        )
        session.add(template)
        session.flush()
        return template

    def change(
        self,
        session: Session,
        template_id: int,
        version: int,
        name: str,
        description: str,
        steps: Sequence[StepDefinition],
        actor: str,
        at: datetime,
    ) -> ChecklistTemplate:
        """The next version; `version` is the one that was read. Raises InvalidFieldsError, and ConflictError when
        somebody else changed it since."""
        template = self._in_use(session, template_id)
        if template.version != version:
            raise ConflictError(
                said(
                    "%(updated_by)s changed this checklist meanwhile: it is at version %(version)s, not "
                    "%(version2)s; load it again",
                    updated_by=template.updated_by,
                    version=template.version,
                    version2=version,
                )
            )
        self._check(session, name, description, steps, template_id)
        template.name, template.description, template.steps = name.strip(), description.strip(), _kept(steps)
        template.version, template.updated_at, template.updated_by = version + 1, at, actor
        session.add(template)
        return template

    def retire(self, session: Session, template_id: int, actor: str, at: datetime) -> ChecklistTemplate:
        """Attached to nothing new any more; orders that have it keep it."""
        template = self._in_use(session, template_id)
        template.retired_at, template.updated_at, template.updated_by = at, at, actor
        session.add(template)
        return template

    def _in_use(self, session: Session, template_id: int) -> ChecklistTemplate:
        template = repository.locked_template(session, template_id)
        if template is None:
            raise NotFoundError(said("there is no checklist template %(template_id)s", template_id=template_id))
        if template.retired_at is not None:
            raise ConflictError(said("checklist %(template)r is retired", template=template.name))
        return template

    def _check(
        self, session: Session, name: str, description: str, steps: Sequence[StepDefinition], own: int | None
    ) -> None:
        found = mistakes(steps)
        if len(description) > MOST_DESCRIPTION:
            found["description"] = said("at most %(most)s characters", most=MOST_DESCRIPTION)
        if not name.strip() or len(name) > 200:
            found["name"] = "a name of at most 200 characters"
        else:
            other = repository.named(session, name.strip())
            if other is not None and other.id != own:
                found["name"] = said("%(strip)r is taken", strip=name.strip())
        if found:
            raise InvalidFieldsError(found)


def _kept(steps: Sequence[StepDefinition]) -> list[dict[str, object]]:
    return [step.model_dump(mode="json") for step in steps]
