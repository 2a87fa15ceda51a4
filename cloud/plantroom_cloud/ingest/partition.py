"""Which gateways an ingest process takes: order matters per gateway only, so they are divided by gateway; no I/O."""

import re
from dataclasses import dataclass
from zlib import crc32

from plantroom_cloud.errors import CloudError
from plantroom_shared.said import said


class PartitionError(CloudError):
    """It cannot be understood; says how to write it."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Part `number` of `of`, counted from 1."""

    number: int = 1
    of: int = 1

    @staticmethod
    def parse(text: str) -> "Partition":
        """ "2/3" is the second of three."""
        found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
        if found is None or not 1 <= int(found.group(1)) <= int(found.group(2)):
            raise PartitionError(said("partition %(text)r: write 1/2 and 2/2 for two ingest processes", text=text))
        return Partition(int(found.group(1)), int(found.group(2)))

    @property
    def name(self) -> str:
        """For the lease and the broker's session: unique per part."""
        return f"ingest-{self.number}of{self.of}"

    @property
    def client_id(self) -> str:
        """The broker keeps a session by this name."""
        return "plantroom-cloud" if self.of == 1 else f"plantroom-cloud-{self.number}of{self.of}"

    def has(self, gateway_id: str) -> bool:
        """The same on every machine and in every version."""
        return self.of == 1 or crc32(gateway_id.encode()) % self.of == self.number - 1

    def has_topic(self, topic: str) -> bool:
        """By the gateway in it; what is no topic of a gateway belongs to the first."""
        parts = topic.split("/", 3)
        return self.has(parts[2]) if len(parts) > 3 else self.number == 1
