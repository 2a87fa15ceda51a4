"""Writes the golden images: registers as the makers' documents place them, values as a person would read them.

Addresses stand here in the hexadecimal of those documents and are packed by struct alone, so that neither our profiles
nor our decoder has a part in them. Run it only to add a device: `python tests/cases/profiles/make_images.py`.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import yaml

HERE = Path(__file__).parent
MOST_HOLE = 16

#: (metric, address, kind, what the register holds, what a person reads; None: the device's "no value" code)
Row = tuple[str, int, str, float, float | int | None]


def _bytes(kind: str, raw: float) -> bytes:
    if kind == "f32":
        return struct.pack(">f", raw)
    number = int(raw)
    if kind == "i32-low-first":
        high_first = struct.pack(">i", number)
        return high_first[2:] + high_first[:2]
    return struct.pack({"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "i64": ">q"}[kind], number)


def _images(rows: Iterable[Row], table: str) -> list[dict[str, object]]:
    images: list[tuple[int, bytearray]] = []
    for _metric, address, kind, raw, _value in sorted(rows, key=lambda row: row[1]):
        data = _bytes(kind, raw)
        end = images[-1][0] + len(images[-1][1]) // 2 if images else -1
        if not images or address - end > MOST_HOLE:
            images.append((address, bytearray(data)))
        else:
            images[-1][1].extend(b"\0\0" * (address - end) + data)
    return [{"table": table, "start": start, "hex": data.hex(" ", 2)} for start, data in images]


def _floats(*pairs: tuple[str, int, float]) -> list[Row]:
    """Values that a float32 holds exactly."""
    return [(metric, address, "f32", value, value) for metric, address, value in pairs]


def _eastron_single(*more: tuple[str, int, float]) -> list[Row]:
    return _floats(
        ("voltage", 0x00, 230.5),
        ("current", 0x06, 5.25),
        ("active_power", 0x0C, -1150.5),
        ("apparent_power", 0x12, 1210.125),
        ("reactive_power", 0x18, -375.25),
        ("power_factor", 0x1E, -0.9375),
        ("frequency", 0x46, 49.96875),
        ("energy_import", 0x48, 12345.75),
        ("energy_export", 0x4A, 67.5),
        ("reactive_import", 0x4C, 890.25),
        ("reactive_export", 0x4E, 12.125),
        ("energy_total", 0x156, 12413.25),
        ("reactive_total", 0x158, 902.375),
        *more,
    )


def _sdm630() -> list[Row]:
    phases: list[tuple[str, int, tuple[float, float, float]]] = [
        ("voltage", 0x00, (230.5, 229.75, 231.25)),
        ("current", 0x06, (10.5, 11.25, 9.75)),
        ("active_power", 0x0C, (2400.5, -2500.25, 2300.75)),
        ("apparent_power", 0x12, (2420.25, 2584.5, 2254.75)),
        ("reactive_power", 0x18, (-120.5, 130.25, 110.75)),
        ("power_factor", 0x1E, (0.9375, -0.96875, 0.875)),
        ("voltage_thd", 0xEA, (1.5, 1.75, 2.25)),
        ("energy_import", 0x15A, (4115.25, 4116.5, 4117.75)),
        ("energy_export", 0x160, (1.25, 2.5, 3.75)),
    ]
    rows = [
        (f"{name}_l{phase + 1}", start + 2 * phase, values[phase])
        for name, start, values in phases
        for phase in range(3)
    ]
    return _floats(
        *rows,
        ("active_power", 0x34, 2201.0),
        ("apparent_power", 0x38, 7259.5),
        ("reactive_power", 0x3C, 120.5),
        ("power_factor", 0x3E, 0.90625),
        ("phase_angle", 0x42, -18.25),
        ("frequency", 0x46, 50.03125),
        ("energy_import", 0x48, 12349.5),
        ("energy_export", 0x4A, 7.5),
        ("reactive_import", 0x4C, 321.25),
        ("reactive_export", 0x4E, 12.75),
        ("energy_total", 0x156, 12357.0),
        ("reactive_total", 0x158, 334.0),
    )


def _iem3155() -> list[Row]:
    return [
        *_floats(
            ("current_l1", 0x0BB7, 10.5),
            ("current_l2", 0x0BB9, 11.25),
            ("current_l3", 0x0BBB, 9.75),
            ("current", 0x0BC1, 10.5),
            ("voltage_l1", 0x0BD3, 230.5),
            ("voltage_l2", 0x0BD5, 229.75),
            ("voltage_l3", 0x0BD7, 231.25),
            ("voltage", 0x0BDB, 230.5),
            ("active_power_l1", 0x0BED, 2.375),
            ("active_power_l2", 0x0BEF, -2.5),
            ("active_power_l3", 0x0BF1, 2.25),
            ("active_power", 0x0BF3, 2.125),
            ("reactive_power", 0x0BFB, -0.375),
            ("apparent_power", 0x0C03, 7.25),
            ("frequency", 0x0C25, 49.96875),
        ),
        # watt-hours; the first is larger than 32 bits hold
        ("energy_import", 0x0C83, "i64", 5_000_123_456, 5_000_123.456),
        ("energy_export", 0x0C87, "i64", 7_005, 7.005),
        ("reactive_import", 0x0C93, "i64", 321_250, 321.25),
        ("reactive_export", 0x0C97, "i64", 12, 0.012),
        ("energy_import_l1", 0x0DBD, "i64", 1_666_000_001, 1_666_000.001),
        ("energy_import_l2", 0x0DC1, "i64", 1_666_000_002, 1_666_000.002),
        ("energy_import_l3", 0x0DC5, "i64", 1_668_123_453, 1_668_123.453),
    ]


def _carlo_gavazzi(pf: int, hertz: int, energy: int, energy_l1: int, export: int) -> list[Row]:
    low = "i32-low-first"
    return [
        ("voltage_l1", 0x00, low, 2305, 230.5),
        ("voltage_l2", 0x02, low, 2298, 229.8),
        ("voltage_l3", 0x04, low, 2313, 231.3),
        ("current_l1", 0x0C, low, 10_501, 10.501),
        ("current_l2", 0x0E, low, 70_000, 70.0),  # more than one register holds
        ("current_l3", 0x10, low, 0x7FFFFFFF, None),
        ("active_power_l1", 0x12, low, 24_005, 2400.5),
        ("active_power_l2", 0x14, low, -25_002, -2500.2),
        ("active_power_l3", 0x16, low, 161_000, 16_100.0),
        ("active_power", 0x28, low, -1, -0.1),
        ("power_factor_l1", pf, "i16", 937, 0.937),
        ("power_factor_l2", pf + 1, "i16", -968, -0.968),
        ("power_factor_l3", pf + 2, "i16", 875, 0.875),
        ("power_factor", pf + 3, "i16", 1000, 1.0),
        ("frequency", hertz, "i16", 499, 49.9),
        ("energy_import", energy, low, 12_345_678, 1_234_567.8),
        ("energy_import_l1", energy_l1, low, 4_115_226, 411_522.6),
        ("energy_import_l2", energy_l1 + 2, low, 4_115_227, 411_522.7),
        ("energy_import_l3", energy_l1 + 4, low, 4_115_225, 411_522.5),
        ("energy_export", export, low, 75, 7.5),
    ]


def _dtsu666() -> list[Row]:
    """Behind transformers 40:1 (current) and 1.0:1 (voltage, the register counts tenths)."""
    ct = 40
    return [
        ("ct_ratio", 0x0006, "u16", ct, None),
        ("vt_ratio", 0x0007, "u16", 10, None),
        ("voltage_l1", 0x2006, "f32", 2305, 230.5),
        ("voltage_l2", 0x2008, "f32", 2298, 229.8),
        ("voltage_l3", 0x200A, "f32", 2313, 231.3),
        ("current_l1", 0x200C, "f32", 1050, 42.0),
        ("current_l2", 0x200E, "f32", 1125, 45.0),
        ("current_l3", 0x2010, "f32", 975, 39.0),
        ("active_power", 0x2012, "f32", 7200, 28_800.0),
        ("active_power_l1", 0x2014, "f32", 2400, 9600.0),
        ("active_power_l2", 0x2016, "f32", -2500, -10_000.0),
        ("active_power_l3", 0x2018, "f32", 2300, 9200.0),
        ("reactive_power", 0x201A, "f32", -375, -1500.0),
        ("power_factor", 0x202A, "f32", 937, 0.937),
        ("frequency", 0x2044, "f32", 4998, 49.98),
        ("energy_import", 0x101E, "f32", 308.75, 12_350.0),
        ("energy_import_l1", 0x1020, "f32", 102.5, 4100.0),
        ("energy_import_l2", 0x1022, "f32", 103.25, 4130.0),
        ("energy_import_l3", 0x1024, "f32", 103.0, 4120.0),
        ("energy_export", 0x1028, "f32", 0.25, 10.0),
    ]


DEVICES: dict[str, tuple[str, list[Row]]] = {
    "eastron/sdm120": ("input", _eastron_single()),
    "eastron/sdm230": ("input", _eastron_single(("phase_angle", 0x24, -18.25))),
    "eastron/sdm630": ("input", _sdm630()),
    "schneider/iem3155": ("holding", _iem3155()),
    "carlo-gavazzi/em340": ("holding", _carlo_gavazzi(0x2E, 0x33, 0x34, 0x40, 0x4E)),
    "carlo-gavazzi/em24": ("holding", _carlo_gavazzi(0x32, 0x37, 0x42, 0x46, 0x5C)),
    "chint/ddsu666": (
        "holding",
        _floats(
            ("voltage", 0x2000, 230.5),
            ("current", 0x2002, 5.25),
            ("active_power", 0x2004, -1.15625),
            ("reactive_power", 0x2006, 0.375),
            ("power_factor", 0x200A, 0.9375),
            ("frequency", 0x200E, 49.96875),
            ("energy_import", 0x4000, 12345.75),
            ("energy_export", 0x400A, 67.5),
        ),
    ),
    "chint/dtsu666": ("holding", _dtsu666()),
    "acrel/adl400": (
        "holding",
        [
            *_floats(
                ("voltage_l1", 0x0800, 230.5),
                ("voltage_l2", 0x0802, 229.75),
                ("voltage_l3", 0x0804, 231.25),
                ("current_l1", 0x080C, 10.5),
                ("current_l2", 0x080E, 11.25),
                ("current_l3", 0x0810, 9.75),
                ("active_power_l1", 0x0814, 2.375),
                ("active_power_l2", 0x0816, -2.5),
                ("active_power_l3", 0x0818, 2.25),
                ("active_power", 0x081A, 2.125),
                ("reactive_power", 0x0822, -0.375),
                ("apparent_power", 0x082A, 7.25),
                ("power_factor", 0x0832, 0.9375),
                ("frequency", 0x0834, 49.96875),
            ),
            ("energy_total", 0x0842, "u32", 3_000_000_005, 300_000_000.5),  # beyond a signed 32 bits
            ("energy_import", 0x084C, "u32", 123_457, 12_345.7),
            ("energy_export", 0x0856, "u32", 75, 7.5),
        ],
    ),
    "acrel/adw300": (
        "holding",
        [
            ("voltage_l1", 20, "u16", 2305, 230.5),
            ("voltage_l2", 21, "u16", 2298, 229.8),
            ("voltage_l3", 22, "u16", 2313, 231.3),
            ("current_l1", 26, "u16", 1050, 10.5),
            ("current_l2", 27, "u16", 40_000, 400.0),  # beyond a signed 16 bits
            ("current_l3", 28, "u16", 975, 9.75),
            ("active_power_l1", 30, "i32", 2400, 2400),
            ("active_power_l2", 32, "i32", -2500, -2500),
            ("active_power_l3", 34, "i32", 92_000, 92_000),
            ("active_power", 36, "i32", 91_900, 91_900),
            ("energy_import", 62, "u32", 3_000_000_005, 30_000_000.05),
            ("energy_export", 64, "u32", 75, 0.75),
        ],
    ),
}

#: Read for their factor only: not reported.
HIDDEN = ("ct_ratio", "vt_ratio")


def main() -> None:
    """Write one file a device."""
    for profile, (table, rows) in DEVICES.items():
        values = {metric: value for metric, _address, _kind, _raw, value in rows if metric not in HIDDEN}
        text = yaml.safe_dump(
            {"profile": profile, "images": _images(rows, table), "values": values}, sort_keys=False, width=110
        )
        head = "# Golden image, written by make_images.py. null: the device's own code for no value.\n"
        (HERE / f"{profile.replace('/', '-')}.yaml").write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main()
