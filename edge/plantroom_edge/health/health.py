"""Self-health: the gateway is a device of its own, named after itself."""

from collections.abc import Mapping
from pathlib import Path

import psutil

from plantroom_edge.driver import MetricFilter
from plantroom_shared.batch import Value
from plantroom_shared.messages import BirthDevice, Metric

PERIOD_S = 5.0

_FIXED = [
    Metric(name="cpu_percent", label="Processor load", unit="%"),
    Metric(name="memory_mb", label="Memory of the agent", unit="MB"),
    Metric(name="memory_free_mb", label="Free memory", unit="MB"),
    Metric(name="disk_free_mb", label="Free disk", unit="MB"),
    Metric(name="disk_free_percent", label="Free share of the disk", unit="%"),
    Metric(name="temperature", label="Processor temperature", unit="°C"),
    Metric(name="clock_synced", label="Clock synchronised", kind="bits"),
    Metric(name="outbox_batches", label="Batches waiting", unit=""),
    Metric(name="outbox_mb", label="Outbox size", unit="MB"),
    Metric(name="outbox_fill", label="Outbox, share of its bound", unit="%"),
    Metric(name="samples", label="Samples taken", unit="", kind="counter"),
]


def metrics(buses: list[str], devices: list[str]) -> list[Metric]:
    """All figures of a gateway with these buses and devices."""
    found = list(_FIXED)
    found += [Metric(name=load_metric(bus), label=f"Load of bus {bus}", unit="%") for bus in buses]
    found += [Metric(name=f"success_{_safe(device)}", label=f"Answers of {device}", unit="%") for device in devices]
    return found


def describe(gateway: str, label: str, location: str) -> BirthDevice:
    """The gateway as a device."""
    return BirthDevice(
        device=gateway,
        label=label or gateway,
        profile="plantroom/gateway",
        kind="gateway",
        location=location,
        period_s=PERIOD_S,
    )


def filters(known: list[Metric]) -> list[MetricFilter]:
    """Changes below these are not worth a row."""
    bands = {"cpu_percent": 2.0, "memory_mb": 1.0, "memory_free_mb": 50.0, "disk_free_mb": 50.0, "temperature": 1.0}
    return [MetricFilter(metric.name, bands.get(metric.name, 0.5 if metric.unit == "%" else 0.0)) for metric in known]


class HealthReader:
    """Reads the machine."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process = psutil.Process()

    def read(self, buses: Mapping[str, Mapping[str, Value]], agent: Mapping[str, Value]) -> dict[str, Value]:
        """One row by metric name; a figure this machine does not have is absent."""
        disk = psutil.disk_usage(str(self._data_dir))
        row: dict[str, Value] = {
            "cpu_percent": psutil.cpu_percent(),
            "memory_mb": round(self._process.memory_info().rss / 1e6, 1),
            "memory_free_mb": round(psutil.virtual_memory().available / 1e6),
            "disk_free_mb": round(disk.free / 1e6),
            "disk_free_percent": round(100 * disk.free / disk.total, 1),
            **agent,
        }
        temperatures = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
        for name in ("cpu_thermal", "coretemp", "k10temp"):
            if temperatures.get(name):
                row["temperature"] = temperatures[name][0].current
                break
        for bus, figures in buses.items():
            for name, value in figures.items():
                if name == "utilisation" and isinstance(value, (int, float)):
                    row[load_metric(bus)] = round(value * 100, 1)
                elif name.startswith("success.") and isinstance(value, (int, float)):
                    row[f"success_{_safe(name.removeprefix('success.'))}"] = round(value * 100, 1)
        return row


def load_metric(bus: str) -> str:
    """The metric of a bus's load."""
    return f"bus_load_{_safe(bus)}"


def _safe(name: str) -> str:
    return name.replace("-", "_")
