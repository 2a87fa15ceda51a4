"""The simulated buses there are: bus type → what a scenario may say of it and what makes it."""

from plantroom_sim.kind import SimKind
from plantroom_sim.kinds.barrier import bus as barrier
from plantroom_sim.kinds.barrier import config as barrier_config
from plantroom_sim.kinds.ble import bus as ble
from plantroom_sim.kinds.ble import config as ble_config
from plantroom_sim.kinds.modbus import bus as modbus
from plantroom_sim.kinds.modbus import config as modbus_config
from plantroom_sim.kinds.osdp import bus as osdp
from plantroom_sim.kinds.osdp import config as osdp_config
from plantroom_sim.kinds.scanner import bus as scanner
from plantroom_sim.kinds.scanner import config as scanner_config

KINDS: dict[str, SimKind] = (
    {
        name: SimKind(
            bus=entry,
            device=modbus_config.ModbusDevice,
            make=modbus.make,
            faults=modbus_config.FAULTS,
            actions=modbus_config.ACTIONS,
            check=modbus_config.check,
            fits=modbus_config.fits,
        )
        for name, entry in modbus_config.BUSES.items()
    }
    | {
        "ble": SimKind(
            bus=ble_config.BleEntry,
            device=ble_config.BleScale,
            make=ble.make,
            faults=ble_config.FAULTS,
            actions=ble_config.ACTIONS,
            check=ble_config.check,
            fits=ble_config.fits,
            missing=ble.missing,
        ),
    }
    | {
        name: SimKind(
            bus=entry,
            device=scanner_config.Scanner,
            make=scanner.make,
            faults=scanner_config.FAULTS,
            actions=scanner_config.ACTIONS,
            check=scanner_config.check,
        )
        for name, entry in scanner_config.BUSES.items()
    }
    | {
        name: SimKind(
            bus=entry,
            device=barrier_config.BarrierGate,
            make=barrier.make,
            faults=barrier_config.FAULTS,
            actions=barrier_config.ACTIONS,
            check=barrier_config.check,
        )
        for name, entry in barrier_config.BUSES.items()
    }
    | {
        "osdp": SimKind(
            bus=osdp_config.OsdpEntry,
            device=osdp_config.OsdpCardReader,
            make=osdp.make,
            faults=osdp_config.FAULTS,
            actions=osdp_config.ACTIONS,
            check=osdp_config.check,
            missing=osdp.missing,
        ),
    }
)
