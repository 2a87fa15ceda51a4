"""What a reader shows people: light and sound as OSDP commands."""

from collections.abc import Mapping
from typing import Any

PROMPT_S, GRANTED_S, DENIED_S = 15, 3, 2
LONGEST_OUTPUT_S = 60


def feedback(action: str) -> list[Mapping[str, Any]]:
    """Commands for granted, denied, prompt; timers of lights in 100 ms."""
    import osdp

    colors = osdp.CommandLEDColor
    match action:
        case "granted":
            return [_light(colors.Green, GRANTED_S, blinks=False), _sound(on=3, off=0, times=1)]
        case "denied":
            return [_light(colors.Red, DENIED_S, blinks=False), _sound(on=1, off=1, times=3)]
        case _:
            return [_light(colors.Amber, PROMPT_S, blinks=True), _sound(on=1, off=0, times=1)]


def output(seconds: float) -> Mapping[str, Any]:
    """Switch its output on for a time that the reader keeps itself (control code 5, timer in 100 ms)."""
    import osdp

    return {
        "command": osdp.Command.Output,
        "output_no": 0,
        "control_code": 5,
        "timer_count": round(seconds * 10),
    }


def ask_status(*, inputs: bool) -> list[Mapping[str, Any]]:
    """What it should say of itself after it came back. Inputs are asked for only where there are some: libosdp takes
    a reader offline whose answer does not fit the inputs it says it has."""
    import osdp

    kinds = [osdp.StatusReportType.Local, *[osdp.StatusReportType.Input] * inputs]
    return [{"command": osdp.Command.Status, "type": kind, "report": b""} for kind in kinds]


def _light(color: int, seconds: int, *, blinks: bool) -> Mapping[str, Any]:
    import osdp

    return {
        "command": osdp.Command.LED,
        "reader": 0,
        "led_number": 0,
        "control_code": 2,  # temporary, then what it showed before
        "on_count": 5 if blinks else 10,
        "off_count": 5 if blinks else 0,
        "on_color": color,
        "off_color": osdp.CommandLEDColor.Black,
        "timer_count": seconds * 10,
        "temporary": True,
    }


def _sound(*, on: int, off: int, times: int) -> Mapping[str, Any]:
    import osdp

    return {
        "command": osdp.Command.Buzzer,
        "reader": 0,
        "control_code": 2,
        "on_count": on,
        "off_count": off,
        "rep_count": times,
    }
