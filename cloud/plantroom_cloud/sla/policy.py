"""A policy as people write it, and which one holds for an order; pure."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from plantroom_cloud.sla.models import SlaPolicy
from plantroom_cloud.sla.terms import Terms

PRIORITIES = ("critical", "high", "medium", "low")
KINDS = ("corrective", "preventive", "inspection", "patrol")


class PolicyIn(Terms):
    """A policy, for the API and the form; empty site, priority or kind: any."""

    site_id: str = Field(default="", max_length=63)
    priority: Literal["", "critical", "high", "medium", "low"] = ""
    kind: Literal["", "corrective", "preventive", "inspection", "patrol"] = ""
    enabled: bool = True

    def terms(self) -> Terms:
        """Without what it holds for."""
        return Terms.model_validate(self.model_dump(include=set(Terms.model_fields)))


def holding(policies: Iterable[SlaPolicy], site_id: str, priority: str, kind: str) -> SlaPolicy | None:
    """The most exact of those that are enabled and fit: one that names the site before one that names the priority,
    and that before one that names the kind."""
    fitting = [
        policy
        for policy in policies
        if policy.enabled
        and policy.site_id in ("", site_id)
        and policy.priority in ("", priority)
        and policy.kind in ("", kind)
    ]
    exact = sorted(fitting, key=lambda policy: (policy.site_id == "", policy.priority == "", policy.kind == ""))
    return exact[0] if exact else None
