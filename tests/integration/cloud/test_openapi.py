"""Every endpoint of the API with made-up input, in a building that has one of everything, on both databases: no server
error, and each answer as the schema says it."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.services import build
from plantroom_shared.clock import SystemClock
from tests.fakes.furnished import Furnished
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: A stream has no end to wait for (tests/integration/cloud/test_changes.py has it); a logout would be our own.
LEFT_OUT = ["GET /api/v1/stream", "DELETE /api/v1/session"]
#: What is there is looked at, then changed, then removed.
ORDER = ["GET", "PUT", "PATCH", "POST", "DELETE"]
EXAMPLES, MANY = 3, 60
#: For one answer: this is no test of speed, and the machine may have other things to do.
PATIENCE_S = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Furnished]:
    url = f"sqlite:///{tmp_path / 'plantroom.db'}"
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.create_database(f"api_{free_port()}")
    config = CloudConfig(database_url=url, telemetry=Telemetry(path=tmp_path / "telemetry.db"))
    services = build(config, SystemClock())
    yield Furnished(services)
    services.telemetry.store.close()
    services.database.close()


def _with_known(house: Furnished, case: Any) -> None:
    """In the middle of made-up input the names of what is there."""
    for name in case.path_parameters or {}:
        if (known := house.named(case.path, name)) is not None:
            case.path_parameters[name] = known
    for part in (case.query, case.body):
        if isinstance(part, dict):
            part.update({name: house.known[name] for name in part if name in house.known})


def _ask(house: Furnished, operation: Any, examples: int, number: int | None) -> tuple[set[int], list[str]]:
    """What one endpoint answered, and what was wrong with it."""
    seen: set[int] = set()

    @given(case=operation.as_strategy(), real=st.sampled_from([True, False]))  # the first is tried first
    @settings(
        max_examples=examples,
        derandomize=number is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def try_it(case: Any, real: bool) -> None:
        if real:
            _with_known(house, case)
        seen.add(case.call_and_validate(checks=CHECKS, headers=house.headers, timeout=PATIENCE_S).status_code)

    try:
        (try_it if number is None else seed(number)(try_it))()
    except (Exception, FailureGroup) as error:  # noqa: BLE001
        return seen, [str(reason)[:1_500] for reason in getattr(error, "exceptions", [error])]
    return seen, []


def _ask_all(house: Furnished, examples: int, number: int | None = None) -> None:
    """`number`: the seed; the same examples at each run without one."""
    # made at the first question, which takes a busy machine its time
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", house.app, headers=house.headers, timeout=300)
    operations: list[Any] = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
    failures: list[str] = []
    answers: dict[str, set[int]] = {}
    for operation in sorted(operations, key=lambda operation: ORDER.index(operation.method.upper())):
        label = f"{operation.method.upper()} {operation.path}"
        if label not in LEFT_OUT:
            answers[label], wrong = _ask(house, operation, examples, number)
            failures += [f"seed {number}: {label}: {reason}" for reason in wrong]
    assert not failures, "\n\n".join(failures)
    paths = house.app.openapi()["paths"]
    assert set(answers) | set(LEFT_OUT) == {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs}
    done = sum(any(status < 300 for status in seen) for seen in answers.values())
    assert done > len(answers) / 2, f"only {done} have also done what they are for"


@pytest.mark.timeout(400)
def test_answers_are_as_the_schema_says(house: Furnished) -> None:
    _ask_all(house, EXAMPLES)


def test_what_was_a_server_error_once_is_refused(house: Furnished) -> None:
    asset = {"code": "P1", "name": "Pump", "kind": "equipment", "site_id": "nowhere"}
    assert house.ask("PUT", "assets/1", json=asset).status_code == 404
    assert house.ask("GET", "alarm-figures", params={"days": 1e-300}).status_code == 422
    nul = house.ask("GET", "access-events.csv", params={"person": "a\0b"})  # which PostgreSQL takes in no text
    assert nul.status_code == (200 if house.services.database.is_sqlite else 422)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_answers_are_as_the_schema_says_whatever_is_asked(house: Furnished) -> None:
    _ask_all(house, MANY, random.SystemRandom().randrange(2**32))
