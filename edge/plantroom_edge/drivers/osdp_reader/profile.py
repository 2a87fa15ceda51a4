"""The profile of an OSDP reader."""

from typing import Annotated, Literal

from annotated_types import Interval

from plantroom_edge.profile.schema import MetricName, Profile
from plantroom_shared.messages import Action, Metric


class ReaderProfile(Profile):
    """A reader with a secure channel."""

    driver: Literal["osdp_reader"]
    settle_s: Annotated[float, Interval(ge=0.5, le=30)] = (
        3.0  #: what is shown so soon after an outage may be older than it
    )
    contacts: tuple[MetricName, ...] = ()  #: inputs of the reader in their order, e.g. [door]

    def metrics(self) -> list[Metric]:
        return [
            Metric(name="cards", label="Cards read", kind="counter"),
            Metric(name="doubtful", label="Cards that might be older than an outage", kind="counter"),
            Metric(name="tampered", label="Opened or taken off the wall", kind="state"),
            Metric(name="power_failed", label="On its own battery", kind="state"),
            *(Metric(name=name, label=name.replace("_", " "), kind="state") for name in self.contacts),
        ]

    def actions(self) -> list[Action]:
        return [Action(name="output", label="Switch its output on", args={"value": "number 1..60 s"})]
