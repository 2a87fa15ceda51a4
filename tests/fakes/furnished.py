"""A building in which there is one of everything that the API can speak of, made over the API as far as it goes."""

import io
from typing import Any, Literal

from fastapi.testclient import TestClient
from PIL import Image

from plantroom_cloud.app import create_app
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import Services
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_cloud.waste.label import label_text
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric

DEVICES = ("pump", "gate", "scanner-1", "scale-1")
#: What a parameter stands for where several paths use its name.
_NUMBERS = {"/zones/": "yard", "/hours/": "day", "/groups/": "crew", "/people/": "eva", "/{kind}/": "yard"}
_GATES = {"/gates/": "gw-a.gate"}
_KEYS = {"/credentials/": "w26:12:3456", "/stations/": "waste-store"}


class Furnished:
    """`known` says by the name of a parameter, or by its path and name, what there is."""

    def __init__(self, services: Services) -> None:
        self.services = services
        migrate(services.database)
        at = services.now()
        with services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            anna = services.users.add(session, "anna", "correct horse battery", Role.ADMIN, at)
            services.users.add(session, "tom", "correct horse battery", Role.TECHNICIAN, at)
            self.token = services.users.make_token(session, anna, "test", at)
            session.flush()
            services.gateways.enrol(session, "gw-a", "main", "", "", at)
            services.alarms.ensure_system_rules(session, at)
        services.telemetry.open()
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self.app = create_app(services)
        self._http = TestClient(self.app, base_url="http://test", headers=self.headers)
        self._seq = 0
        self.known: dict[str, Any] = {
            "site_id": "main", "gateway_id": "gw-a", "device_id": "gw-a.pump", "name": "tom", "user": "tom",
            "person": "tom", "assignee": "tom", "team_id": "hvac", "order_id": 1, "alarm_id": 1, "template_id": 1,
            "plan_id": 1, "part_id": 1, "asset_id": 1, "parent_id": 1, "alarm_rule_id": 1, "checklist_id": 1,
            "point_id": "roof", "route_id": 1, "round_id": 1, "version": 1, "department_id": "ward",
            "department": "ward", "calendar_id": "office", "calendar": "office", "policy_id": 1, "weighing_id": 1,
            "manifest_id": 1, "message_id": 1, "channel_id": 1, "token_id": 1, "movement_id": 1, "record_id": 1,
            "cost_id": 1, "downtime_id": 1, "day": "2026-12-25", "metric": "t",
            "site": "main", "team": "hvac", "device": "gw-a.pump",
        }  # fmt: skip
        self._messages()
        self._people()
        self._work()
        self._rounds()
        self._access()
        self._waste()

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Whatever the answer is."""
        return self._http.request(method, f"/api/v1/{path}", **more)

    def post(self, path: str, body: Any = None, method: str = "POST", **more: Any) -> Any:
        """Raises AssertionError for what is refused: everything here is right."""
        said = {"json": body} if body is not None else {}
        answer = self.ask(method, path, **said, **more)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def hear(self, kind: str, payload: bytes) -> None:
        self.services.ingest.process([Received(f"plantroom/v1/gw-a/{kind}", payload, 1)], self.services.now())

    def event(self, what: str, device: str, data: dict[str, Any]) -> None:
        """From a device of the gateway."""
        self._seq += 1
        now = round(self.services.now().timestamp() * 1000)
        event = Event(id=f"e{self._seq}", kind=what, time=now, device=device, data=data)
        self.hear("data", encode(self._batch("events", now, events=[event])))

    def _batch(self, stream: Literal["events", "telemetry"], now: int, **more: Any) -> Batch:
        self._seq += 1
        return Batch(v=1, gateway="gw-a", outbox="o", stream=stream, seq=self._seq, boot="b", sent_at=now, **more)

    def _messages(self) -> None:
        devices = [
            BirthDevice(device=name, label=name, kind=name.partition("-")[0], profile=f"x/{name}",
                        metrics=[Metric(name="t", label="T")])
            for name in DEVICES
        ]  # fmt: skip
        self.hear("birth", encode(Birth(v=1, gateway="gw-a", boot="b", at=1, config_version="1", devices=devices)))
        self.hear("data", b"nonsense")  # to the quarantine
        self.post("teams", {"id": "hvac", "name": "HVAC"})
        self.post("notifications/channels", {"kind": "webhook", "address": "http://127.0.0.1:9/hook"})
        levels = {"name": "Bearing", "device_id": "gw-a.pump", "metric": "t", "levels": {"high": {"limit": 95}}}
        self.known["levels_id"] = self.post("alarm-levels", levels)["id"]
        self.post("alarm-rules", {
            "name": "Hot", "kind": "limit", "device_id": "gw-a.pump", "metric": "t", "operator": ">", "limit": 80,
            "cause": "c", "consequence": "c", "response": "r", "impact": "serious", "respond_within_s": 600,
            "team_id": "hvac", "work_order": True,
        })  # fmt: skip
        now = round(self.services.now().timestamp() * 1000)
        rows = [DeviceRows(device="pump", times=[now], values={"t": [90.0]})]
        self.hear("data", encode(self._batch("telemetry", now, telemetry=rows, complete_until=now)))
        with self.services.database.write() as session:
            self.services.notifications.tick(session, self.services.now())

    def _people(self) -> None:
        self.post("labour-rates", {"whose": "user:tom", "amount": "40", "weekly_hours": "38"}, "PUT")
        self.post("teams/hvac/rota", {"users": ["tom"], "first_day": "2026-01-05"}, "PUT")
        self.post("teams/hvac/escalation", [{"after_s": 60, "to": "managers"}], "PUT")
        self.post("calendars", {"id": "office", "name": "Office", "monday": "08:00-17:00"})
        self.post("sla/policies", {"name": "All", "response_min": 15, "restoration_min": 60, "calendar": "office"})

    def _work(self) -> None:
        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, "JPEG")
        photo = self.post("photos", content=picture.getvalue(), headers={"content-type": "image/jpeg"})
        self.known["photo_id"] = photo["id"]
        asset = {"code": "P1", "name": "Pump", "kind": "equipment", "site_id": "main", "equipment_class": "pump"}
        self.post("assets", asset)
        self.known["label"] = self.post("assets/1", method="GET")["label"].rpartition("/")[2]
        self.post("assets/1/devices", {"device_id": "gw-a.pump"})
        document = self.post("assets/1/documents/file", content=picture.getvalue(), params={"name": "plate.jpg"},
                             headers={"content-type": "application/octet-stream"})  # fmt: skip
        self.known["document_id"] = document["id"]
        steps = [{"kind": "check", "label": "Dry"}, {"kind": "number", "label": "Pressure", "unit": "bar", "high": 6}]
        self.post("checklist-templates", {"name": "Pump", "steps": steps})
        self.post("work-orders", {"title": "Leak", "site_id": "main", "device_id": "gw-a.pump", "team_id": "hvac"})
        self.post("work-orders/1/claim")
        self.post("work-orders/1/start")
        made = self.post("work-orders/1/checklists", {"template_id": 1})
        self.known["step_id"] = made["items"][0]["steps"][0]["id"]
        file = self.post("work-orders/1/files", content=picture.getvalue(), params={"name": "a.jpg"},
                         headers={"content-type": "application/octet-stream"})  # fmt: skip
        self.known["file_id"] = file["id"]
        self.post("work-orders/1/labour", {"activity": "repair", "minutes": 30})
        self.post("work-orders/1/costs", {"text": "Crane", "amount": "100"})
        self.post("work-orders/1/downtime", {"from": "2026-01-01T00:00:00Z"})
        self.post("parts", {"code": "seal", "name": "Seal"})
        self.post("parts/1/movements", {"kind": "receipt", "quantity": "5"})
        self.post("work-orders/1/parts", {"code": "seal", "quantity": "1"})
        plan = {"title": "Grease", "site_id": "main", "asset_id": 1, "rule": "FREQ=WEEKLY", "checklist_id": 1}
        self.post("maintenance-plans", plan | {"starts": "2026-01-01T08:00", "lead_days": 7})

    def _rounds(self) -> None:
        self.post("patrols/points", {"id": "roof", "site_id": "main", "name": "Roof"})
        route = {"site_id": "main", "name": "Round", "stops": [{"point_id": "roof"}], "starts": "2026-01-01T06:00"}
        self.post("patrols/routes", route)
        self.post("patrols/routes/1/rounds")

    def _access(self) -> None:
        here = {"site_id": "main"}
        self.post("access/zones", here | {"id": "yard", "name": "Yard"})
        self.post(
            "access/hours",
            here | {"id": "day", "name": "Day", "spans": [{"days": [1], "start": "07:00", "end": "18:00"}]},
        )
        self.post("access/groups", here | {"id": "crew", "name": "Crew"})
        self.post("access/holidays", here | {"day": "2026-12-25"})
        cards = [{"key": "w26:12:3456"}]
        self.post("access/people", here | {"id": "eva", "name": "Eva", "groups": ["crew"], "cards": cards})
        with self.services.database.write() as session:
            self.services.access.tick(session, self.services.now())  # finds the gate

    def _waste(self) -> None:
        self.post("departments", {"id": "ward", "site_id": "main", "name": "Ward", "staff": ["tom"]})
        made = self.post("waste/labels", {"department": "ward", "type": "sharps", "count": 3})
        self.known["code"] = made["items"][0]["code"]
        for item in made["items"][:2]:
            for kind, data in (
                ("scan", {"kind": "label", "text": label_text(item["code"]), "station": "waste-store"}),
                ("weighing", {"kg": 4.0, "value": 4.0, "unit": "kg", "stable": True, "raw": "00",
                              "station": "waste-store"}),
            ):  # fmt: skip
                self.event(kind, "scale-1", data)
        self.post("waste/manifests", {"site_id": "main", "carrier": "Carrier"})

    def named(self, path: str, parameter: str) -> Any:
        """What there is of a parameter of a path; None where nothing is known."""
        here = {"number": _NUMBERS, "device_id": _GATES, "key": _KEYS}.get(parameter, {})
        return next((value for part, value in here.items() if part in path), self.known.get(parameter))
