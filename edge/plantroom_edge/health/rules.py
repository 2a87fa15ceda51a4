"""Alarm rules of the gateway itself: where an operator must act. What is none of his business stays telemetry."""

from collections.abc import Sequence

from plantroom_shared.messages import SuggestedRule

_WAITS = "Readings wait, and are thinned once there is no more room."
_LATE = "Readings come late."

_FIXED = (
    SuggestedRule(
        key="disk-nearly-full",
        name="Disk of the gateway is nearly full",
        kind="limit",
        severity="medium",
        metric="disk_free_percent",
        operator="<",
        limit=5.0,
        deadband=2.0,
        on_delay_s=60.0,
        cause="Logs or other programs fill it, or the outbox grows while the cloud is away.",
        consequence=_WAITS,
        response="Free space on the gateway, or give it a larger disk.",
    ),
    SuggestedRule(
        key="memory-low",
        name="Memory of the gateway runs out",
        kind="limit",
        severity="medium",
        metric="memory_free_mb",
        operator="<",
        limit=40.0,
        deadband=20.0,
        on_delay_s=120.0,
        cause="Another program on the gateway takes it.",
        consequence="The system may end the agent.",
        response="Look which program on the gateway grows.",
    ),
    SuggestedRule(
        key="too-hot",
        name="Gateway is too hot",
        kind="limit",
        severity="medium",
        metric="temperature",
        operator=">",
        limit=80.0,
        deadband=5.0,
        on_delay_s=300.0,
        off_delay_s=60.0,
        cause="Its cabinet is too warm, or its cooling is blocked.",
        consequence="It slows down, and its SD card ages.",
        response="Air the cabinet; look at the processor load.",
    ),
    SuggestedRule(
        key="processor-busy",
        name="Processor of the gateway is busy",
        kind="limit",
        severity="low",
        metric="cpu_percent",
        operator=">",
        limit=97.0,
        deadband=10.0,
        on_delay_s=1800.0,
        off_delay_s=60.0,
        cause="Too many devices with short periods, or another program.",
        consequence=_LATE,
        response="Lengthen periods, or move devices to another gateway.",
        work_order=False,
    ),
    SuggestedRule(
        key="outbox-growing",
        name="Outbox of the gateway fills",
        kind="limit",
        severity="medium",
        metric="outbox_fill",
        operator=">",
        limit=50.0,
        deadband=10.0,
        on_delay_s=60.0,
        cause="The cloud acknowledges less than the gateway reads.",
        consequence=_WAITS,
        response="Look at the gateway's page: link, refused batches, ledger.",
    ),
    SuggestedRule(
        key="clock-unsynced",
        name="Clock of the gateway is no longer synchronised",
        kind="state",
        severity="medium",
        metric="clock_synced",
        states=["false"],
        on_delay_s=60.0,
        cause="No time server can be reached.",
        consequence="Its time drifts by seconds a day; after a restart readings cannot be dated.",
        response="Let the gateway reach a time server.",
    ),
)


def rules(buses: Sequence[tuple[str, str]]) -> list[SuggestedRule]:
    """With one for each bus: (id, metric of its load)."""
    return [
        *_FIXED,
        *(
            SuggestedRule(
                key=f"bus-busy-{bus}"[:63],
                name=f"Bus {bus} is overloaded",
                kind="limit",
                severity="low",
                metric=metric,
                operator=">",
                limit=97.0,
                deadband=5.0,
                on_delay_s=600.0,
                off_delay_s=60.0,
                cause="Too many devices or too short periods, or silent devices cost their time-outs.",
                consequence=_LATE,
                response="Lengthen periods, mend silent devices, or split the line.",
                work_order=False,
            )
            for bus, metric in buses
        ),
    ]
