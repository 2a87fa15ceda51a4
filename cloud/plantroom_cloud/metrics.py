"""The Prometheus figures of the control plane, all in one place; README.md of this package says what to watch."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("plantroom_messages_received_total", "Messages taken from the broker")
REFUSED = Counter("plantroom_messages_refused_total", "Messages put into quarantine")
GROUPS = Counter("plantroom_groups_committed_total", "Groups committed")
BATCHES = Counter("plantroom_batches_total", "Batches by what became of them", ["what"])
VALUES_COMMITTED = Counter("plantroom_values_committed_total", "Values committed to the journal")
VALUES_STORED = Counter("plantroom_values_stored_total", "Values moved into the telemetry store")
VALUES_REFUSED = Counter("plantroom_values_refused_total", "Values that the telemetry store refused; in quarantine")
WINDOWS = Counter("plantroom_windows_computed_total", "Windows over values computed")
COMMIT_S = Histogram(
    "plantroom_group_seconds",
    "From taking a group from the broker to its commit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STORE_S = Histogram(
    "plantroom_store_write_seconds",
    "One step of the telemetry writer",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
JOURNAL_ENTRIES = Gauge("plantroom_journal_entries", "What waits for the telemetry store")
JOURNAL_BYTES = Gauge("plantroom_journal_bytes", "Bytes that wait for the telemetry store")
JOURNAL_AGE_S = Gauge("plantroom_journal_age_seconds", "How long the oldest of it has waited")
QUARANTINED = Gauge("plantroom_quarantine_messages", "Messages in quarantine that nobody has dismissed")
QUARANTINE_DROPPED = Gauge("plantroom_quarantine_dropped", "Messages that the quarantine forgot by age or size, ever")
CONNECTED = Gauge("plantroom_broker_connected", "1 while the broker is connected")
STORE_UP = Gauge("plantroom_telemetry_store_up", "1 while the telemetry store answers")
STREAMS = Gauge("plantroom_live_streams", "Pages and programs that follow live")
LEASES = Gauge("plantroom_lease_held", "1 while this process holds the lease", ["name"])
REQUESTS = Counter("plantroom_http_requests_total", "Requests answered", ["method", "status"])
REQUEST_S = Histogram(
    "plantroom_http_request_seconds",
    "Until a request is answered",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
