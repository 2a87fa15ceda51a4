"""The only module of the edge that knows aiomqtt: connect, publish, receive."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiomqtt
from aiomqtt import MqttError, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from plantroom_edge.config.model import Mqtt

CONNECT_TIMEOUT_S = 10.0
#: Messages of the cloud that may wait for us; acknowledgements and commands are small and few.
MOST_QUEUED = 1_000

LINK_ERRORS: tuple[type[Exception], ...] = (MqttError, OSError, TimeoutError)


class MqttLink:
    """Speaks MQTT 5; a broker that refuses it gets 3.1.1 from then on."""

    def __init__(self, config: Mqtt, client_id: str) -> None:
        self._config = config
        self._client_id = client_id
        self._version = ProtocolVersion.V5

    @asynccontextmanager
    async def connect(self, will: tuple[str, bytes], topics: Sequence[str]) -> AsyncIterator["Connection"]:
        """A connection with its subscriptions in place; raises one of LINK_ERRORS."""
        try:
            async with self._client(will) as client:
                yield await self._subscribed(client, topics)
        except MqttError as error:
            if self._version is ProtocolVersion.V5 and "protocol version" in str(error).lower():
                self._version = ProtocolVersion.V311
            raise

    async def _subscribed(self, client: aiomqtt.Client, topics: Sequence[str]) -> "Connection":
        await client.subscribe([(topic, 1) for topic in topics])
        return Connection(client)

    def _client(self, will: tuple[str, bytes]) -> aiomqtt.Client:
        config = self._config
        v5 = self._version is ProtocolVersion.V5
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
            protocol=self._version,
            clean_session=None if v5 else False,
            clean_start=False if v5 else 3,
            properties=properties,
            will=aiomqtt.Will(will[0], will[1], qos=1, retain=True),
            keepalive=max(5, round(config.keepalive)),
            timeout=CONNECT_TIMEOUT_S,
            tls_context=self._tls(),
            max_queued_incoming_messages=MOST_QUEUED,
        )

    def _tls(self) -> ssl.SSLContext | None:
        if self._config.ca_file is None:
            return None
        context = ssl.create_default_context(cafile=str(self._config.ca_file))
        if self._config.cert_file is not None:
            context.load_cert_chain(str(self._config.cert_file), str(self._config.key_file))
        return context


class Connection:
    """An open connection."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """QoS 1; returns when the broker has it, which deletes nothing."""
        await self._client.publish(topic, payload, qos=1, retain=retain, timeout=CONNECT_TIMEOUT_S)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Topic and payload of what comes; raises one of LINK_ERRORS when the link is lost."""
        async for message in self._client.messages:
            payload = message.payload
            if isinstance(payload, (bytes, bytearray)):
                yield message.topic.value, bytes(payload)
