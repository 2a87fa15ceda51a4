"""The profile of a scanner: there is little to say about a line of text."""

from typing import Annotated, Literal

from annotated_types import Interval

from plantroom_edge.drivers.qr_scanner.decode import LONGEST_FRAME
from plantroom_edge.profile.schema import Profile
from plantroom_shared.messages import Action, Metric


class ScannerProfile(Profile):
    """A scanner that sends what it reads as lines of text."""

    driver: Literal["qr_scanner"]
    longest_frame: Annotated[int, Interval(ge=32, le=8192)] = LONGEST_FRAME  #: bytes; longer ones are rubbish

    def metrics(self) -> list[Metric]:
        return [
            Metric(name="scans", label="Codes scanned", kind="counter"),
            Metric(name="unreadable", label="Frames that were no text", kind="counter"),
            Metric(name="dropped_bytes", label="Bytes that made no code", kind="counter"),
        ]

    def actions(self) -> list[Action]:
        return []
