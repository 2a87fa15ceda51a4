"""InfluxDB 2.x administration by influxdb-client: the bucket and its retention."""

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient

from plantroom_cloud.telemetry.store import StoreUnavailableError


def ensure_bucket(url: str, org: str, admin_token: str, name: str, days: int) -> None:
    """Make the bucket, values kept for so many days, unless it is there. Raises StoreUnavailableError."""
    try:
        with InfluxDBClient(url=url, token=admin_token, org=org) as client:
            buckets = client.buckets_api()
            if buckets.find_bucket_by_name(name) is None:
                retention = [{"type": "expire", "everySeconds": days * 86_400}]
                buckets.create_bucket(bucket_name=name, org=org, retention_rules=retention)
    except (InfluxDBError, OSError) as error:
        raise StoreUnavailableError(f"InfluxDB at {url}: {error}") from error
