"""A card reader: libosdp's peripheral device behind wires that can be cut."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plantroom_shared.batch import DeviceRows
from plantroom_sim.errors import SimError
from plantroom_sim.kinds.osdp.config import Card, Type
from plantroom_sim.kinds.osdp.line import Wires
from plantroom_sim.kinds.osdp.wire import wiegand26

COUNTED = ("cards", "cards_while_cut", "keys", "granted_lights", "denied_lights", "prompts", "sounds", "outputs")


class CardReader:
    """One reader. libosdp runs a thread for each."""

    def __init__(self, name: str, address: int, key: Callable[[], bytes], wires: Wires) -> None:
        self.name = name
        self.address = address
        self._key = key
        self._wires = wires
        self._faults: set[str] = set()
        self._count: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self._device: Any = None
        wires.connect(address)

    def switch_on(self) -> None:
        """Run; nothing when it runs."""
        import osdp

        if self._device is not None:
            return
        wires, address = self._wires, self.address

        class Channel(osdp.Channel):  # type: ignore[misc]
            def read(self, most: int) -> bytes:
                return wires.read(address, most)

            def write(self, data: bytes) -> int:
                return wires.write(address, data)

            def flush(self) -> None:
                pass

        cap = osdp.Capability
        capabilities = osdp.PDCapabilities(
            [
                (cap.OutputControl, 1, 1),
                (cap.LEDControl, 1, 1),
                (cap.AudibleControl, 1, 1),
                (cap.ContactStatusMonitoring, 1, 1),
                (cap.Readers, 0, 1),
            ]
        )
        right = self._key()
        key = bytes(byte ^ 0xFF for byte in right) if "wrong-key" in self._faults else right
        info = osdp.PDInfo(address, Channel(), scbk=key, flags=[osdp.LibFlag.EnforceSecure])
        self._device = osdp.PeripheralDevice(
            info, capabilities, log_level=osdp.LogLevel.Emergency, command_handler=self._told
        )
        self._device.start()

    def switch_off(self) -> None:
        """What it was shown and could not say is forgotten. Waits for its thread."""
        if self._device is not None:
            self._device.teardown()
            self._device = None

    def start_fault(self, kind: str, args: Any) -> None:  # noqa: ARG002
        self._faults.add(kind)
        match kind:
            case "cut":
                self._wires.cut.add(self.address)
            case "power-cut" | "wrong-key":
                self.switch_off()
                if kind == "wrong-key":
                    self.switch_on()
            case _:
                self._report()

    def end_fault(self, kind: str) -> None:
        if kind not in self._faults:
            return
        self._faults.discard(kind)
        match kind:
            case "cut":
                self._wires.cut.discard(self.address)
            case "power-cut":
                self.switch_on()
            case "wrong-key":
                self.switch_off()
                self.switch_on()
            case _:
                self._report()

    async def act(self, action: str, args: Any) -> Any:  # noqa: ARG002
        import osdp

        if self._device is None:
            raise SimError(f"{self.name} is off")
        if isinstance(args, Card):
            self._count["cards"] += 1
            self._count["cards_while_cut"] += "cut" in self._faults
            data = wiegand26(args.facility, args.number)
            event = {"event": osdp.Event.CardRead, "reader_no": 0, "direction": 0, "length": 26}
            self._device.submit_event({**event, "format": osdp.CardFormat.Wiegand, "data": data})
        elif isinstance(args, Type):
            self._count["keys"] += len(args.keys)
            data = args.keys.replace("*", "\x7f").replace("#", "\r").encode()
            self._device.submit_event({"event": osdp.Event.KeyPress, "reader_no": 0, "data": data})
        return {}

    def counts(self) -> Mapping[str, int]:
        return dict(self._count)

    def history(self, moments: Sequence[int]) -> DeviceRows | None:  # noqa: ARG002
        return None

    def _report(self) -> None:
        import osdp

        if self._device is not None:
            report = bytes(["tampered" in self._faults, "on-battery" in self._faults])
            kind = osdp.StatusReportType.Local
            self._device.submit_event({"event": osdp.Event.Status, "type": kind, "report": report})

    def _told(self, command: Mapping[str, Any]) -> tuple[int, None]:
        """In libosdp's thread: what the panel wants of it."""
        import osdp

        device = self._device
        if device is not None:
            while not device.command_queue.empty():  # libosdp keeps every command until somebody asks
                device.command_queue.get_nowait()
        colors = osdp.CommandLEDColor
        match command["command"]:
            case osdp.Command.Output:
                self._count["outputs"] += 1
            case osdp.Command.Buzzer:
                self._count["sounds"] += 1
            case osdp.Command.LED:
                lights = {colors.Green: "granted_lights", colors.Red: "denied_lights"}
                self._count[lights.get(command["on_color"], "prompts")] += 1
            case _:
                pass
        return 0, None
