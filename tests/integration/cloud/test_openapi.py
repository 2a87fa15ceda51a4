"""Every endpoint of the API with made-up input: no server error, and each answer as the schema says it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import Birth, BirthDevice, Metric

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("api")
    config = CloudConfig(
        database_url=f"sqlite:///{folder / 'plantroom.db'}", telemetry=Telemetry(path=folder / "telemetry.db")
    )
    services = build(config, SystemClock())
    migrate(services.database)
    at = services.now()
    device = BirthDevice(device="pump", label="Pump", profile="x/pump", metrics=[Metric(name="t", label="T")])
    with services.database.write() as session:
        session.add(Site(id="main", name="Main"))
        anna = services.users.add(session, "anna", "correct horse battery", Role.ADMIN, at)
        token = services.users.make_token(session, anna, "test", at)
        session.flush()
        services.gateways.enrol(session, "gw-a", "main", "", "", at)
        services.alarms.ensure_system_rules(session, at)
        born = Birth(v=1, gateway="gw-a", boot="b", at=1, config_version="1", devices=[device])
        services.devices.register(session, born, at)
    services.telemetry.open()
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(services), headers=headers)
    yield schema, headers
    services.telemetry.store.close()
    services.database.close()


def test_answers_are_as_the_schema_says(api: Any) -> None:
    failures: list[str] = []
    tried = 0
    schema, headers = api
    for found in schema.exclude(path=["/api/v1/stream", "/api/v1/session"]).get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=5,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def try_it(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=CHECKS, headers=headers)

        try:
            try_it()
        except (Exception, FailureGroup) as error:  # noqa: BLE001
            reasons = getattr(error, "exceptions", [error])
            failures += [f"{operation.method.upper()} {operation.path}: {reason}"[:1_500] for reason in reasons]
    assert not failures, "\n\n".join(failures)
    assert tried > 100
