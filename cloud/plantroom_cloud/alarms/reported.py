"""Alarms that a domain reports: what they are, declared once when the control plane is built."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ReportedRule:
    """A rule whose condition a domain judges. A person may change its severity, texts, team, or disable it."""

    key: str  #: unique: "waste.weight-mismatch"
    name: str
    severity: Literal["critical", "high", "medium", "low"]
    cause: str
    consequence: str
    response: str
    work_order: bool = True
    proving_s: float = 0.0  #: how long normal before a finished work order is verified
