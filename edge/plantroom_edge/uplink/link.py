"""The only module of the edge that knows aiomqtt and paho: connect, publish, receive."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from aiomqtt import MqttError, ProtocolVersion
from aiomqtt.exceptions import MqttCodeError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from plantroom_edge.config.model import Mqtt
from plantroom_edge.errors import EdgeError
from plantroom_edge.uplink.window import MOST_BATCHES

CONNECT_TIMEOUT_S = 10.0
#: Messages of the cloud that may wait for us; acknowledgements and commands are small and few.
MOST_QUEUED = 1_000
#: A peer that acknowledges nothing on TCP for so long is gone, whatever MQTT's keep-alive says (a pulled cable).
TCP_USER_TIMEOUT_MS = 15_000

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS),
]


class RefusedError(EdgeError):
    """The broker took a message or subscription not, and said why."""


LINK_ERRORS: tuple[type[Exception], ...] = (MqttError, OSError, TimeoutError, RefusedError)

#: Told once per message what the broker said: empty when it has it.
Answered = Callable[[str], None]
#: Not refused, but given to nobody (MQTT 5 §3.4.2.1): the control plane has not subscribed, and no queue keeps it.
NOBODY = "no matching subscribers"
_NO_MATCHING_SUBSCRIBERS = 0x10


class MqttLink:
    """Speaks MQTT 5; a broker that has no more gets 3.1.1."""

    def __init__(self, config: Mqtt, client_id: str) -> None:
        self._config = config
        self._client_id = client_id
        self.version = ProtocolVersion.V5

    @property
    def protocol(self) -> str:
        """As people call it."""
        return "MQTT 5" if self.version is ProtocolVersion.V5 else "MQTT 3.1.1"

    @asynccontextmanager
    async def connect(self, will: tuple[str, bytes], topics: Sequence[str]) -> AsyncIterator["Connection"]:
        """A connection with its subscriptions in place; raises one of LINK_ERRORS."""
        connection = Connection(self._client(will))
        try:
            async with connection.client:
                await connection.subscribe(topics)
                yield connection
        except MqttError as error:
            if connection.unanswered or "protocol version" in str(error).lower():
                # it closed the connection on the first packet, or said why: try what an older broker understands
                old = self.version is ProtocolVersion.V311
                self.version = ProtocolVersion.V5 if old else ProtocolVersion.V311
            raise

    def _client(self, will: tuple[str, bytes]) -> aiomqtt.Client:
        config = self._config
        v5 = self.version is ProtocolVersion.V5
        password = config.password
        if config.password_file is not None:
            password = config.password_file.read_text().strip()
        properties = None
        if v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 3600
        return aiomqtt.Client(
            config.host,
            config.port,
            username=config.username,
            password=password,
            identifier=self._client_id,
            protocol=self.version,
            clean_session=None if v5 else False,
            clean_start=False if v5 else 3,
            properties=properties,
            will=aiomqtt.Will(will[0], will[1], qos=1, retain=True),
            keepalive=max(5, round(config.keepalive)),
            timeout=CONNECT_TIMEOUT_S,
            tls_context=self._tls(),
            max_queued_incoming_messages=MOST_QUEUED,
            max_inflight_messages=MOST_BATCHES,
            socket_options=_SOCKET_OPTIONS,
        )

    def _tls(self) -> ssl.SSLContext | None:
        if self._config.ca_file is None:
            return None
        context = ssl.create_default_context(cafile=str(self._config.ca_file))
        if self._config.cert_file is not None:
            context.load_cert_chain(str(self._config.cert_file), str(self._config.key_file))
        return context


class Connection:
    """A connection; messages are sent without waiting for one another.

    aiomqtt keeps to itself what the broker answers to a message, and waits out its time when the broker closes the
    connection unanswered: so we listen to paho's callbacks before it does.
    """

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self._paho = client._client  # noqa: SLF001
        self._waiting: dict[int, Answered] = {}
        self._opened = False
        self._answered = False
        self._most = MOST_BATCHES  #: what the broker takes at once; one that speaks MQTT 5 may say less
        self._listen()

    @property
    def unanswered(self) -> bool:
        """Whether the broker was reached and said nothing at all."""
        return self._opened and not self._answered

    def has_room(self) -> bool:
        """Whether the broker takes one more before it has answered those that it has."""
        return len(self._waiting) < self._most

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Raises RefusedError where one is not granted."""
        granted = await self.client.subscribe([(topic, 1) for topic in topics])
        refused = [
            f"{topic}: {code}"
            for topic, code in zip(topics, granted, strict=False)
            if isinstance(code, ReasonCode) and code.is_failure
        ]
        if refused:
            raise RefusedError(f"the broker does not let us subscribe to {'; '.join(refused)}")

    def send(self, topic: str, payload: bytes, answered: Answered, *, retain: bool = False) -> None:
        """QoS 1, at once; `answered` is called when the broker has it or refuses it. Raises one of LINK_ERRORS."""
        info = self._paho.publish(topic, payload, 1, retain)
        if info.rc:
            raise MqttCodeError(info.rc, "Could not publish message")
        self._waiting[info.mid] = answered

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """QoS 1; returns when the broker has it, which deletes nothing. Raises RefusedError where it refuses it."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.send(topic, payload, lambda reason: None if answer.done() else answer.set_result(reason), retain=retain)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if (reason := await answer) and reason != NOBODY:  # what is retained finds its reader later
                raise RefusedError(f"the broker refuses what we publish on {topic}: {reason}")

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Topic and payload of what comes; raises one of LINK_ERRORS when the link is lost."""
        async for message in self.client.messages:
            payload = message.payload
            if isinstance(payload, (bytes, bytearray)):
                yield message.topic.value, bytes(payload)

    def _listen(self) -> None:
        paho = self._paho
        connected, disconnected, opened, published = (
            paho.on_connect,
            paho.on_disconnect,
            paho.on_socket_open,
            paho.on_publish,
        )

        def on_socket_open(*arguments: Any) -> None:
            self._opened = True
            opened(*arguments)  # type: ignore[misc]

        def on_connect(*arguments: Any) -> None:
            self._answered = True
            self._most = int(getattr(arguments[-1], "ReceiveMaximum", self._most))
            connected(*arguments)  # type: ignore[misc]

        def on_disconnect(*arguments: Any) -> None:
            begun = self.client._connected  # noqa: SLF001
            if not begun.done():
                begun.set_exception(MqttError("the broker closed the connection without an answer"))
            disconnected(*arguments)  # type: ignore[misc]

        def on_publish(*arguments: Any) -> None:
            answered = self._waiting.pop(arguments[2], None)
            code = arguments[3]
            if answered is not None:
                nobody = getattr(code, "value", 0) == _NO_MATCHING_SUBSCRIBERS
                answered(NOBODY if nobody else str(code) if getattr(code, "is_failure", False) else "")
            published(*arguments)  # type: ignore[misc]

        paho.on_socket_open = on_socket_open
        paho.on_connect = on_connect
        paho.on_disconnect = on_disconnect
        paho.on_publish = on_publish
