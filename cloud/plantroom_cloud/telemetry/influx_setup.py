"""InfluxDB 2.x administration by influxdb-client: buckets with their retention, what /query finds them by, a token."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.rest import ApiException
from influxdb_client.service.dbr_ps_service import DBRPsService
from urllib3.exceptions import HTTPError

from plantroom_cloud.errors import CloudError
from plantroom_cloud.telemetry.influx import databases
from plantroom_cloud.telemetry.store import Retention

DESCRIPTION = "plantroom-cloud"


class InfluxSetupError(CloudError):
    """The server would not; says what it answered."""


@dataclass(frozen=True, slots=True)
class Done:
    """What there is now: bucket → "made", "changed", "there"."""

    buckets: dict[str, str]
    token: str


def set_up(url: str, org: str, admin_token: str, database: str, retention: Retention) -> Done:
    """Make or correct a bucket for the raw values and one per level. The token may read and write these, and nothing
    else. Raises InfluxSetupError."""
    try:
        with InfluxDBClient(url=url, token=admin_token, org=org, timeout=30_000) as client:
            found = client.organizations_api().find_organizations(org=org)
            if not found:
                raise InfluxSetupError(f"InfluxDB at {url}: there is no organization {org!r}")
            org_id = found[0].id
            states, buckets = {}, []
            for name, days in databases(database, retention).items():
                bucket, states[name] = _bucket(client, org_id, name, days)
                _mapping(client, org_id, bucket)
                buckets.append(bucket)
            return Done(states, _token(client, org_id, buckets))
    except ApiException as error:
        raise InfluxSetupError(f"InfluxDB at {url} answered {error.status}: {error.body or error.reason}") from error
    except (HTTPError, OSError) as error:
        raise InfluxSetupError(f"InfluxDB at {url}: {error}") from error


def write_token(path: Path, token: str) -> None:
    """For the owner's eyes alone; whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token + "\n")
    new.replace(path)


def _bucket(client: InfluxDBClient, org_id: str, name: str, days: int | None) -> tuple[Any, str]:
    api, seconds = client.buckets_api(), (days or 0) * 86_400
    rules = [BucketRetentionRules(type="expire", every_seconds=seconds)] if days else []
    bucket = api.find_bucket_by_name(name)
    if bucket is None:
        return api.create_bucket(bucket=Bucket(name=name, org_id=org_id, retention_rules=rules)), "made"
    if [rule.every_seconds for rule in bucket.retention_rules if rule.every_seconds] == ([seconds] if days else []):
        return bucket, "there"
    bucket.retention_rules = rules
    return api.update_bucket(bucket=bucket), "changed"


def _mapping(client: InfluxDBClient, org_id: str, bucket: Any) -> None:
    """/write and /query name databases: since 2.5 each bucket is found by its own name, before that only by this."""
    service = DBRPsService(client.api_client)
    known = service.get_dbr_ps(org_id=org_id, db=bucket.name).content or []
    if not known:
        mapping = DBRPCreate(
            org_id=org_id, bucket_id=bucket.id, database=bucket.name, retention_policy="autogen", default=True
        )
        service.post_dbrp(mapping)


def _token(client: InfluxDBClient, org_id: str, buckets: list[Any]) -> str:
    permissions = [
        Permission(action=action, resource=PermissionResource(type="buckets", id=bucket.id, org_id=org_id))
        for bucket in buckets
        for action in ("read", "write")
    ]
    wanted = Authorization(org_id=org_id, permissions=permissions)
    wanted.description = DESCRIPTION
    token: str = client.authorizations_api().create_authorization(authorization=wanted).token
    return token
