"""The embedded broker (amqtt): for a lab without mosquitto. MQTT 3.1.1, the same credentials and topics.

What it cannot do: a forbidden publish is acknowledged and dropped instead of refused, and what it holds (sessions,
retained messages) is gone when it ends; the outboxes keep what the gateways have to say.
"""

import asyncio
import base64
import hashlib
import hmac
import sys
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session


def _right(password: str, stored: str) -> bool:
    """Check against mosquitto's $7$ hash."""
    _, _, iterations, salt, key = stored.split("$")
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(made, base64.b64decode(key))


class Passwords(BaseAuthPlugin):  # type: ignore[misc]
    """Reads the broker's password file at each login."""

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether name and password are right."""
        folder = Path(sys.argv[1])
        known = dict(line.split(":", 1) for line in (folder / "passwd").read_text().splitlines() if ":" in line)
        stored = known.get(session.username or "")
        return stored is not None and _right(session.password or "", stored.strip())


class OwnTopics(BaseTopicPlugin):  # type: ignore[misc]
    """A gateway reaches its own topics alone; the control plane reaches all."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """Whether this client may use the topic so."""
        if session is None or topic is None:
            return False
        name = session.username or ""
        if name == "plantroom-cloud":
            return True
        kinds = (
            ("ack", "command", "config", "authority")
            if action is not Action.PUBLISH
            else ("status", "birth", "data", "direct")
        )
        parts = topic.split("/")
        return parts[:3] == ["plantroom", "v1", name] and len(parts) > 3 and parts[3] in kinds


async def main(folder: Path, port: int) -> None:
    """Serve until ended."""
    broker = Broker(
        {
            "listeners": {
                "default": {
                    "type": "tcp",
                    "bind": f"127.0.0.1:{port}",
                    "ssl": True,
                    "certfile": str(folder / "server.pem"),
                    "keyfile": str(folder / "server.key"),
                }
            },
            "plugins": {
                "plantroom_sim.lab.embedded.Passwords": {},
                "plantroom_sim.lab.embedded.OwnTopics": {},
            },
        }
    )
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
