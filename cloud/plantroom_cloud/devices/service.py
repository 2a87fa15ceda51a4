"""Devices: they register themselves by the birth message, or by their first own message."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite

import msgspec
from sqlmodel import Session

from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.devices import repository
from plantroom_cloud.devices.condition import Condition, condition, judge
from plantroom_cloud.devices.models import Device, DeviceLatest, device_key
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.stream.service import record_change
from plantroom_shared.batch import DeviceRows, Event, Value, went_back
from plantroom_shared.messages import Birth, Metric
from plantroom_shared.said import said

MOST_LABELS, MOST_LETTERS = 20, 63


class DeviceService:
    """Works in the session it is given; commits nothing itself."""

    def register(self, session: Session, birth: Birth, at: datetime) -> list[Device]:
        """Take over what the gateway has; what is no longer there is marked removed, its history stays."""
        known = repository.of_gateway(session, birth.gateway)
        devices = []
        for born in birth.devices:
            key = device_key(birth.gateway, born.device)
            device = known.pop(key, None) or Device(
                id=key, gateway_id=birth.gateway, name=born.device, registered_at=at
            )
            device.label, device.profile, device.kind = born.label or born.device, born.profile, born.kind
            device.station = born.station
            device.location, device.period_s, device.removed_at = born.location, born.period_s, None
            device.metrics = [msgspec.to_builtins(metric) for metric in born.metrics]
            device.actions = [msgspec.to_builtins(action) for action in born.actions]
            device.identity = dict(born.identity)
            session.add(device)
            devices.append(device)
        for gone in known.values():
            if not gone.direct and gone.removed_at is None:
                gone.removed_at = at
                session.add(gone)
        record_change(session, "device", birth.gateway, at)
        return devices

    def register_direct(
        self, session: Session, gateway_id: str, name: str, values: dict[str, Value], at: datetime
    ) -> Device:
        """A device that speaks MQTT itself: its metrics are what it sends."""
        key = device_key(gateway_id, name)
        device = session.get(Device, key)
        if device is None:
            device = Device(
                id=key, gateway_id=gateway_id, name=name, label=name, kind="direct", direct=True, registered_at=at
            )
            record_change(session, "device", key, at)
        known = {metric["name"] for metric in device.metrics}
        new = [
            Metric(
                name=metric,
                label=metric.replace("_", " ").capitalize(),
                kind="text" if isinstance(value, str) else "gauge",
            )
            for metric, value in values.items()
            if metric not in known
        ]
        if new:
            device.metrics = [*device.metrics, *(msgspec.to_builtins(metric) for metric in new)]
        session.add(device)
        return device

    def get(self, session: Session, device_id: str) -> Device:
        """Raises NotFoundError."""
        device = session.get(Device, device_id)
        if device is None:
            raise NotFoundError(
                said("there is no device %(device_id)r; ids look like gateway.device", device_id=device_id)
            )
        return device

    def set_labels(self, session: Session, device: Device, labels: Sequence[str], at: datetime) -> None:
        """What people here call it by; alarm rules may stand on a label. Raises InvalidError."""
        wanted = sorted({label.strip() for label in labels} - {""})
        if too_long := [label for label in wanted if len(label) > MOST_LETTERS]:
            raise InvalidError(
                said(
                    "labels: %(too_long)r is longer than %(most_letters)s letters",
                    too_long=too_long[0],
                    most_letters=MOST_LETTERS,
                )
            )
        if len(wanted) > MOST_LABELS:
            raise InvalidError(
                said("labels: at most %(most_labels)s, not %(count)s", most_labels=MOST_LABELS, count=len(wanted))
            )
        device.labels = wanted
        session.add(device)
        record_change(session, "device", device.id, at)

    def list(self, session: Session, sites: Sequence[str] = ()) -> list[Device]:
        """Those in use, gateways themselves included."""
        return repository.in_use(session, sites)

    def of_ids(self, session: Session, device_ids: Sequence[str]) -> Sequence[Device]:
        """Those of these ids that there are."""
        return [*repository.by_ids(session, device_ids).values()]

    def names(self, session: Session, device_ids: Iterable[str | None]) -> dict[str, str]:
        """What people call these devices, by id."""
        wanted = sorted({device_id for device_id in device_ids if device_id})
        return {device.id: device.label or device.id for device in self.of_ids(session, wanted)}

    def conditions(
        self, session: Session, at: datetime, sites: Sequence[str] = (), gateway_id: str | None = None
    ) -> Sequence[Condition]:
        """How each device in use is, gateways themselves left out; one query however many there are."""
        return [condition(heard, at) for heard in repository.heard(session, sites, gateway_id)]

    def latest(self, session: Session, device_ids: Sequence[str] | None = None) -> dict[str, DeviceLatest]:
        """The newest values by device id."""
        return repository.latest(session, device_ids)

    def merge_latest(self, session: Session, blocks: Mapping[str, Sequence[DeviceRows]], at: datetime) -> None:
        """Rows by device id: newer values replace older ones; late rows change nothing that is newer."""
        rows = []
        for key, known, last, _ in repository.latest_of(session, sorted(blocks)):
            values = dict(known) if known else {}
            newest = ms_from_utc(last) if last is not None else 0
            for part in blocks[key]:
                newest = _merge(part, values, newest)
            moment = utc_from_ms(newest)
            rows.append(
                {
                    "device_id": key,
                    "values": values,
                    "last_reading_at": moment,
                    "state": "ok",
                    "state_reason": "",
                    "state_since": at,
                }
            )
        repository.save_latest(session, rows)

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """A device became silent, or answers again; or the gateway's clock went back."""
        if went_back(event):
            repository.set_latest_back(session, gateway_id, event.time)
        if event.kind != "device.state" or event.device is None:
            return
        key = device_key(gateway_id, event.device)
        if session.get(Device, key) is None:
            return
        row = session.get(DeviceLatest, key) or DeviceLatest(device_id=key)
        row.state, row.state_reason = str(event.data.get("state", "unknown")), str(event.data.get("reason", ""))
        row.state_since = utc_from_ms(event.time)
        session.add(row)
        record_change(session, "device", key, at)


def health(device: Device, latest: DeviceLatest | None, gateway: Gateway | None, at: datetime) -> tuple[str, str]:
    """One word and why, as Condition has them."""
    known, heard_at = (latest.state, latest.last_reading_at) if latest is not None else (None, None)
    state = gateway.state if gateway is not None else ""
    word, reason = judge(device.gateway_id, state, known, heard_at, device.period_s, at)
    return word, reason or (latest.state_reason if latest is not None and word == "silent" else "")


def _merge(rows: DeviceRows, values: dict[str, object], newest: int) -> int:
    if len(rows.times) == 1 and not rows.marks:
        [moment] = rows.times
        for metric, column in rows.values.items():
            [value] = column
            before = values.get(metric)
            if value is not None and (not isinstance(before, dict) or before["t"] <= moment):
                values[metric] = _newest(moment, value, None)
        return max(newest, moment)
    marks = {(row, metric): quality for row, metric, quality in rows.marks}
    for index, moment in enumerate(rows.times):
        ended = marks.get((index, None))
        if ended is not None:
            for metric, old in list(values.items()):
                if isinstance(old, dict) and old.get("t", 0) <= moment:
                    values[metric] = {"t": moment, "v": None, "q": ended}
        for metric, column in rows.values.items():
            value, mark = column[index], marks.get((index, metric))
            if value is None and mark is None:
                continue
            before = values.get(metric)
            if not isinstance(before, dict) or before["t"] <= moment:
                values[metric] = _newest(moment, value, mark)
        newest = max(newest, moment)
    return newest


def _newest(moment: int, value: Value, mark: str | None) -> dict[str, object]:
    """NaN and infinity, which MessagePack can carry, are a fault of the sensor: neither a store nor JSON has them."""
    if isinstance(value, float) and not isfinite(value):
        return {"t": moment, "v": None, "q": mark or "sensor-fault"}
    return {"t": moment, "v": value, "q": mark or "good"}
