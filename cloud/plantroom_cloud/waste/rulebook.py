"""The rules in force, and those before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.waste import repository
from plantroom_cloud.waste.models import WasteRulesVersion
from plantroom_cloud.waste.rules import WasteRules, default_document, read_rules


class RuleBook:
    """Works in the session it is given. The checked rules of a version are kept: a version never changes."""

    def __init__(self) -> None:
        self._default = read_rules(default_document())
        self._checked: dict[int, WasteRules] = {}

    def current(self, session: Session) -> WasteRules:
        """In force now: the newest version, or those that came with us."""
        newest = repository.newest_rules(session)
        if newest is None:
            return self._default
        assert newest.id is not None
        if newest.id not in self._checked:
            self._checked = {newest.id: read_rules(newest.document)}
        return self._checked[newest.id]

    def document(self, session: Session) -> tuple[int, dict[str, Any]]:
        """Version (0: those that came with us) and document in force."""
        newest = repository.newest_rules(session)
        return (newest.id or 0, newest.document) if newest is not None else (0, default_document())

    def replace(self, session: Session, document: Any, actor: str, at: datetime) -> WasteRulesVersion:
        """Put others in force; raises InvalidError with every mistake."""
        checked = read_rules(document)
        version = WasteRulesVersion(document=checked.model_dump(mode="json"), at=at, by=actor)
        session.add(version)
        session.flush()
        return version

    def history(self, session: Session, limit: int = 20) -> Sequence[WasteRulesVersion]:
        """Newest first."""
        return repository.rules_history(session, limit)
