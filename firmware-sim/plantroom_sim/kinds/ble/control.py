"""Control of the air from another process: one more interface on the same private bus.

busctl --address=… call org.plantroom.Air /org/plantroom/Air org.plantroom.Air1 Do s '{"do": "restart"}'
"""

import asyncio
import json
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from plantroom_sim.errors import SimError
from plantroom_sim.kinds.ble.air import Air

NAME, PATH, INTERFACE = "org.plantroom.Air", "/org/plantroom/Air", "org.plantroom.Air1"


async def serve_air(air: Air, bus_address: str, ready: asyncio.Event | None = None) -> None:
    """Answer `Do` until cancelled; it stays on the bus while the simulated bluetoothd is away."""
    bus = MessageBus(bus_address=bus_address)
    await bus.connect()
    try:
        async with asyncio.TaskGroup() as tasks:

            def on_message(message: Message) -> bool | None:
                if message.message_type is not MessageType.METHOD_CALL or message.interface != INTERFACE:
                    return None
                tasks.create_task(_answer(bus, air, message), name=f"control {message.sender}")
                return True

            bus.add_message_handler(on_message)
            await bus.request_name(NAME)
            if ready is not None:
                ready.set()
            await asyncio.Event().wait()
    finally:
        bus.disconnect()


async def ask_air(bus_address: str, request: dict[str, Any]) -> Any:
    """Send one request; raises SimError with what was refused."""
    bus = MessageBus(bus_address=bus_address)
    await bus.connect()
    try:
        reply = await bus.call(
            Message(
                destination=NAME, path=PATH, interface=INTERFACE, member="Do", signature="s", body=[json.dumps(request)]
            )
        )
    finally:
        bus.disconnect()
    assert reply is not None
    if reply.message_type is MessageType.ERROR:
        raise SimError(str(reply.body[0]) if reply.body else str(reply.error_name))
    return json.loads(reply.body[0])


async def _answer(bus: MessageBus, air: Air, message: Message) -> None:
    try:
        answer = await air.do(json.loads(message.body[0]))
    except (SimError, ValueError, KeyError) as error:
        bus.send(Message.new_error(message, f"{NAME}.Error.Refused", str(error)))
        return
    bus.send(Message.new_method_return(message, "s", [json.dumps(answer)]))
