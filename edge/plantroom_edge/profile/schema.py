"""What every profile says, whatever drives the device (docs: configs/profiles/README.md)."""

from abc import ABC, abstractmethod
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Literal

from annotated_types import Ge

from plantroom_edge.shape import Matches, Strict
from plantroom_shared.ids import METRIC_PATTERN
from plantroom_shared.messages import Action, Metric, SuggestedRule

MetricName = Annotated[str, Matches(METRIC_PATTERN)]


class Rule(Strict):
    """An alarm rule that the profile's author suggests."""

    key: Annotated[str, Matches(r"^[a-z0-9][a-z0-9-]{0,62}$")]
    name: str
    kind: Literal["limit", "state", "no-data"]
    severity: Literal["critical", "high", "medium", "low"]
    metric: MetricName | None = None
    operator: Literal[">", "<"] | None = None
    limit: float | None = None
    deadband: Annotated[float, Ge(0)] = 0.0
    states: tuple[str, ...] = ()
    on_delay_s: Annotated[float, Ge(0)] = 0.0
    off_delay_s: Annotated[float, Ge(0)] = 0.0
    proving_s: Annotated[float, Ge(0)] = 600.0
    cause: str
    consequence: str
    response: str
    work_order: bool = True

    def __post_init__(self) -> None:
        if self.kind == "limit" and None in (self.metric, self.operator, self.limit):
            raise ValueError("a limit rule needs metric, operator and limit")
        if self.kind == "state" and (self.metric is None or not self.states):
            raise ValueError("a state rule needs metric and states")


class Profile(Strict, ABC):
    """A kind of device. Each driver has a shape of its own; the key `driver` of the file chooses it."""

    name: str = ""  #: "vendor/model", set by the loader from the file's place
    driver: str
    maker: str
    model: str
    kind: str
    verified: Literal["document", "two sources", "hardware"]
    source: str
    rules: tuple[Rule, ...] = ()

    @abstractmethod
    def metrics(self) -> list[Metric]:
        """As the birth message tells them; a Sample's values stand in this order."""

    @abstractmethod
    def actions(self) -> list[Action]:
        """As the birth message tells them."""

    def suggested_rules(self) -> list[SuggestedRule]:
        """As the birth message tells them."""
        return [SuggestedRule(**(asdict(rule) | {"states": list(rule.states)})) for rule in self.rules]


def nearest(name: str, names: set[str], otherwise: str) -> str:
    """What a person may have meant."""
    near = get_close_matches(name, sorted(names), 1)
    return f"did you mean {near[0]!r}?" if near else otherwise
