"""Relay boards on TCP and on a serial line: the lines are those of all Modbus devices, the answers are the board's."""

from collections.abc import Sequence
from typing import Any

from plantroom_sim.kind import BusEntry, Place, SimBus
from plantroom_sim.kinds.barrier.config import BarrierGate, BarrierRtuEntry, BarrierTcpEntry
from plantroom_sim.kinds.barrier.device import Barrier
from plantroom_sim.kinds.barrier.wire import answer
from plantroom_sim.kinds.modbus.bus import ModbusBus, RtuLine, TcpBus, Unit
from plantroom_sim.kinds.modbus.config import RtuEntry, TcpEntry


class _Boards(ModbusBus):
    def reply(self, unit: Unit, pdu: bytes) -> bytes:
        assert isinstance(unit, Barrier)
        return answer(unit, pdu)


class BoardsTcp(_Boards, TcpBus):
    """Boards behind one TCP port."""

    def reach(self) -> dict[str, Any]:
        return {**super().reach(), "type": "barrier-tcp"}


class BoardsRtu(_Boards, RtuLine):
    """Boards on one serial line."""

    def reach(self) -> dict[str, Any]:
        return {**super().reach(), "type": "barrier-rtu"}


def make(entry: BusEntry, devices: Sequence[BarrierGate], place: Place) -> SimBus:
    """The bus of an entry."""
    gates = [Barrier(device.id, device.unit, device.travel_s, device.auto_close_s, place.now) for device in devices]
    described = [
        {**device.model_dump(exclude={"travel_s", "auto_close_s"}), "travel": f"{device.travel_s}s"}
        for device in devices
    ]
    match entry:
        case BarrierTcpEntry():
            return BoardsTcp(TcpEntry(id=entry.id, type="modbus-tcp", port=entry.port), gates, place, described)
        case BarrierRtuEntry():
            line = RtuEntry(
                id=entry.id,
                type="modbus-rtu",
                baudrate=entry.baudrate,
                parity=entry.parity,
                stopbits=entry.stopbits,
            )
            return BoardsRtu(line, gates, place, described)
    raise TypeError(f"{type(entry).__name__} has no relay boards")
