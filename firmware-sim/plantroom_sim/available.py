"""A scenario without what this machine lacks the programs for; the rest of it runs."""

from dataclasses import replace

from plantroom_sim.errors import SimError
from plantroom_sim.registry import KINDS
from plantroom_sim.scenario import Fault, Gateway, Routine, Scenario


def leave_out_missing(scenario: Scenario) -> tuple[Scenario, list[str]]:
    """What can run here, and what is left out with the command that brings it. Raises SimError when nothing remains."""
    said: list[str] = []
    gateways: list[Gateway] = []
    for gateway in scenario.gateways:
        gone: set[str] = set()
        for bus in gateway.buses:
            if (missing := KINDS[bus.type].missing()) is not None:
                names = ", ".join(device.id for device in gateway.on(bus.id)) or "no device"
                said.append(f"Left out: bus {bus.id} of {gateway.id} ({names}): {missing}")
                gone.add(bus.id)
        buses = tuple(bus for bus in gateway.buses if bus.id not in gone)
        if buses:
            devices = tuple(device for device in gateway.devices if device.bus not in gone)
            gateways.append(replace(gateway, buses=buses, devices=devices))
    if not said:
        return scenario, []
    if not gateways:
        raise SimError("\n".join([*said, "Nothing of this scenario can run here."]))
    rest = replace(scenario, gateways=tuple(gateways))
    faults = tuple(fault for fault in rest.faults if _can_begin(fault, rest))
    routines = tuple(routine for routine in rest.routines if _can_be_played(routine, rest))
    return replace(rest, faults=faults, routines=routines), said


def _can_begin(fault: Fault, rest: Scenario) -> bool:
    among = [gateway for gateway in rest.gateways if fault.gateway in (None, gateway.id)]
    if fault.device is not None:
        return rest.device(fault.device) is not None
    return any(fault.bus is None or bus.id == fault.bus for gateway in among for bus in gateway.buses)


def _can_be_played(routine: Routine, rest: Scenario) -> bool:
    """Whole or not at all: without its card, nobody drives through the gate."""
    return all(step.device is None or rest.device(step.device) is not None for step in routine.steps)
