"""The only module that knows pymodbus (pinned: its API breaks between minor versions).

pymodbus re-sends whatever times out, writes too: its retries are off, and what to try again is decided by our bus.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse
from serial import SerialException

from plantroom_edge.drivers.modbus.config import RtuBus, RtuOverTcpBus, TcpBus
from plantroom_edge.drivers.modbus.profile import Table
from plantroom_edge.errors import EdgeError

#: pymodbus logs each time-out as an error; we count and report them ourselves.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

#: Milliseconds after which the kernel gives up on a peer that acknowledges nothing (a pulled cable).
TCP_USER_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 3.0


class LinkLostError(EdgeError):
    """The line or the connection is gone; nothing can be sent until it is open again."""


class NoAnswerError(EdgeError):
    """The unit did not answer in time, or what came was no valid answer; a late answer may still come."""


class StrangeAnswerError(NoAnswerError):
    """An answer that belongs to another request: a late one."""


class ExceptionAnswerError(EdgeError):
    """The unit answered with a Modbus exception."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code} ({_EXCEPTIONS.get(code, 'unknown')})")
        self.code = code


_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2

_READ_FUNCTIONS = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}


class _RawHolding(ReadHoldingRegistersResponse):
    """Keeps the register bytes as they came: they are decoded by one struct for the whole block, not one by one."""

    raw = b""

    def decode(self, data: bytes) -> None:
        if len(data) != 1 + data[0]:
            raise ModbusIOException(f"{len(data) - 1} bytes where {data[0]} are announced")
        self.raw = bytes(data[1:])

    def __str__(self) -> str:  # pymodbus writes each answer out, for a log that is off
        return ""


class _RawInput(_RawHolding):
    function_code = 4


class _RawCoil(ModbusPDU):
    """FC 5 with any 16-bit value: pymodbus's own knows on and off alone, relay boards know pulses as well."""

    function_code = 5
    rtu_frame_size = 8

    def __init__(self, address: int = 0, value: int = 0, dev_id: int = 1, transaction_id: int = 0) -> None:
        super().__init__(dev_id=dev_id, transaction_id=transaction_id, address=address)
        self.value = value

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self.value)

    def decode(self, data: bytes) -> None:
        self.address, self.value = struct.unpack(">HH", data[:4])


class ModbusLink:
    """One open line or connection. Not for two tasks at once: its bus is the owner."""

    def __init__(self, bus: TcpBus | RtuBus | RtuOverTcpBus) -> None:
        self._bus = bus
        self._client: ModbusBaseClient | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Open the line; raises LinkLostError."""
        self.close()
        bus = self._bus
        if isinstance(bus, RtuBus):
            self._client = AsyncModbusSerialClient(
                bus.port,
                baudrate=bus.baudrate,
                parity=bus.parity,
                stopbits=bus.stopbits,
                timeout=CONNECT_TIMEOUT_S,
                retries=0,
                reconnect_delay=0,
            )
        else:
            self._client = AsyncModbusTcpClient(
                bus.host,
                port=bus.port,
                framer=FramerType.RTU if isinstance(bus, RtuOverTcpBus) else FramerType.SOCKET,
                timeout=CONNECT_TIMEOUT_S,
                retries=0,
                reconnect_delay=0,
            )
        try:
            ok = await self._client.connect()
        except (OSError, SerialException, ModbusException) as error:
            self.close()
            raise LinkLostError(str(error)) from error
        if not ok:
            self.close()
            raise LinkLostError(f"{self._where()} cannot be opened")
        self._client.register(_RawHolding)
        self._client.register(_RawInput)
        self._client.register(_RawCoil)
        # never let pymodbus close the connection for all units because one does not answer
        self._client.set_max_no_responses(1_000_000)
        self._tune()

    def close(self) -> None:
        """Give the line back."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(self, table: Table, address: int, count: int, unit: int, timeout: float) -> bytes | list[bool]:  # noqa: ASYNC109
        """FC 1 to 4: register bytes (2 × count), or at least `count` bits. Raises the errors above."""
        client = self._ready(timeout)
        match table:
            case Table.COIL:
                call = client.read_coils(address, count=count, device_id=unit)
            case Table.DISCRETE:
                call = client.read_discrete_inputs(address, count=count, device_id=unit)
            case Table.HOLDING:
                call = client.read_holding_registers(address, count=count, device_id=unit)
            case Table.INPUT:
                call = client.read_input_registers(address, count=count, device_id=unit)
        answer = await self._answer(_READ_FUNCTIONS[table], call)
        if table in (Table.COIL, Table.DISCRETE):
            bits = list(answer.bits)
            if len(bits) != (count + 7) // 8 * 8:
                raise StrangeAnswerError(f"{len(bits)} bits instead of {count}")
            return bits
        raw: bytes = answer.raw  # type: ignore[attr-defined]  # of ours, by its function code
        if len(raw) != 2 * count:
            raise StrangeAnswerError(f"{len(raw) // 2} registers instead of {count}")
        return raw

    async def write(self, function: int, address: int, values: Sequence[int], unit: int, timeout: float) -> None:  # noqa: ASYNC109
        """FC 5, 6, 15 or 16, sent once. Raises the errors above; after NoAnswerError nobody knows whether it acted."""
        client = self._ready(timeout)
        match function:
            case 5:
                call = client.write_coil(address, bool(values[0]), device_id=unit)
            case 6:
                call = client.write_register(address, values[0], device_id=unit)
            case 15:
                call = client.write_coils(address, [bool(value) for value in values], device_id=unit)
            case 16:
                call = client.write_registers(address, list(values), device_id=unit)
            case _:
                raise ValueError(f"function code {function} writes nothing")
        answer = await self._answer(function, call)
        if answer.address != address:
            raise StrangeAnswerError(f"answer for address {answer.address} instead of {address}")

    async def write_raw(self, address: int, value: int, unit: int, timeout: float) -> None:  # noqa: ASYNC109
        """FC 5 with a value of the device's own meaning, sent once. Raises like `write`."""
        client = self._ready(timeout)
        answer = await self._answer(5, client.execute(False, _RawCoil(address, value, unit)))
        if (answer.address, getattr(answer, "value", None)) != (address, value):
            raise StrangeAnswerError(f"answer for address {answer.address:#06x} instead of {address:#06x}")

    async def read_write(
        self,
        read: tuple[int, int],
        write: tuple[int, Sequence[int]],
        unit: int,
        timeout: float,  # noqa: ASYNC109
    ) -> bytes:
        """FC 23: write registers, then read registers, in one transaction; sent once."""
        client = self._ready(timeout)
        answer = await self._answer(
            23,
            client.readwrite_registers(
                read_address=read[0], read_count=read[1], write_address=write[0], values=list(write[1]), device_id=unit
            ),
        )
        if len(answer.registers) != read[1]:
            raise StrangeAnswerError(f"{len(answer.registers)} registers instead of {read[1]}")
        return struct.pack(f">{read[1]}H", *answer.registers)

    def _ready(self, timeout: float) -> ModbusBaseClient:
        client = self._client
        if client is None or not client.connected:
            raise LinkLostError(f"{self._where()} is closed")
        client.ctx.comm_params.timeout_connect = timeout  # what pymodbus waits for one answer
        return client

    async def _answer(self, function: int, call: "asyncio.Future[ModbusPDU] | object") -> ModbusPDU:
        try:
            answer: ModbusPDU = await call  # type: ignore[misc]
        except ModbusException as error:
            if not self.connected:
                raise LinkLostError(str(error)) from error
            if "but received" in str(error):
                raise StrangeAnswerError(str(error)) from error
            raise NoAnswerError(str(error)) from error
        except (OSError, SerialException) as error:
            raise LinkLostError(str(error)) from error
        if answer.function_code & 0x7F != function:
            raise StrangeAnswerError(f"answer to function {answer.function_code & 0x7F} instead of {function}")
        if answer.isError():
            raise ExceptionAnswerError(getattr(answer, "exception_code", 0))
        return answer

    def _tune(self) -> None:
        transport = getattr(getattr(self._client, "ctx", None), "transport", None)
        sock = transport.get_extra_info("socket") if transport is not None else None
        if isinstance(self._bus, RtuBus) or sock is None:
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)

    def _where(self) -> str:
        bus = self._bus
        return bus.port if isinstance(bus, RtuBus) else f"{bus.host}:{bus.port}"
