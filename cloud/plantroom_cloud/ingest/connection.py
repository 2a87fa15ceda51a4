"""The only module of the cloud that knows paho: receive with manual acknowledgement, publish.

With batches of 100 values paho takes a tenth of the ingest's CPU time (`benchmarks.ingest --profile`), with larger ones
less: a faster client, which would be one less looked after, gains little.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from plantroom_cloud.config import Mqtt
from plantroom_shared.topics import CLOUD_SUBSCRIPTIONS

_log = logging.getLogger(__name__)

#: Messages that the broker may have under way to us: what bounds our memory when it is faster than we are.
RECEIVE_MAXIMUM = 500

#: Between two tries to reach the broker: after an outage the present is on the page within 2 s.
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class Received:
    """A message, not acknowledged to the broker yet."""

    topic: str
    payload: bytes
    mid: int
    connection: int = 0  #: which one it came by: its mid means nothing to the next


def _without_delay(_client: mqtt.Client, _data: object, connection: object) -> None:
    """An acknowledgement is small: it waits for no other packet."""
    if isinstance(connection, socket.socket):  # an SSLSocket is one
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class BrokerConnection:
    """Persistent session, QoS 1; a message is acknowledged once it is committed. paho runs in its own thread
    and reconnects by itself."""

    def __init__(self, config: Mqtt, client_id: str, is_ours: Callable[[str], bool]) -> None:
        self._config = config
        self._client_id = client_id
        self._is_ours = is_ours
        self._client: mqtt.Client | None = None
        self._queue: deque[Received] = deque()
        self._arrived = asyncio.Event()
        self._wake: Callable[[], object] = lambda: None
        self._number = 0  #: of the connection
        self.connected = False

    def start(self) -> None:
        """Connect in the background."""
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(self._arrived.set)
        v5 = self._config.version == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if v5 else False,
            protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
            manual_ack=True,
        )
        if self._config.username:
            client.username_pw_set(self._config.username, self._config.read_password())
        if self._config.ca_file is not None:
            client.tls_set_context(ssl.create_default_context(cafile=str(self._config.ca_file)))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_open = _without_delay
        client.reconnect_delay_set(SHORTEST_WAIT_S, LONGEST_WAIT_S)  # type: ignore[arg-type]  # it takes fractions
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 86_400
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        more: dict[str, Any] = {"clean_start": False, "properties": properties} if v5 else {}
        client.connect_async(self._config.host, self._config.port, keepalive=30, **more)
        client.loop_start()
        self._client = client

    def stop(self) -> None:
        """Leave; the broker keeps the session."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    async def receive(self, most: int, most_bytes: int) -> list[Received]:
        """What has come, in order: at least one message, and not more than these bounds."""
        taken: list[Received] = []
        while not taken:
            while not self._queue:
                self._arrived.clear()
                if not self._queue:
                    await self._arrived.wait()
            size = 0
            while self._queue and len(taken) < most:
                try:
                    message = self._queue.popleft()
                except IndexError:  # a new connection emptied it
                    break
                size += len(message.payload)
                if taken and size > most_bytes:
                    self._queue.appendleft(message)
                    break
                if message.connection == self._number:
                    taken.append(message)
        return taken

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """Committed: the broker may forget them."""
        client = self._client
        if client is not None:
            for message in messages:
                if message.connection == self._number:
                    client.ack(message.mid, 1)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """QoS 1; False when there is no connection now."""
        if self._client is None or not self.connected:
            return False
        return self._client.publish(topic, payload, 1, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            _log.warning("broker refuses us: %s", reason)
            return
        self.connected = True
        self._number += 1
        self._queue.clear()  # the broker sends again what was not acknowledged
        client.subscribe([(topic, 1) for topic in CLOUD_SUBSCRIPTIONS])
        _log.info("broker: connected")

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if self.connected:
            _log.warning("broker: connection lost: %s", reason)
        self.connected = False

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if not self._is_ours(message.topic):  # another process has it in a session of its own
            client.ack(message.mid, message.qos)
            return
        was_empty = not self._queue
        self._queue.append(Received(message.topic, bytes(message.payload), message.mid, self._number))
        if was_empty:  # otherwise the reader has been told, or is still reading
            self._wake()
