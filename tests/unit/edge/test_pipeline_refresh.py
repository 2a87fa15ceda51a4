"""The present is reported anew when the cloud is there again."""

from pathlib import Path

from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_shared.clock import SystemClock


def test_after_a_refresh_an_unchanged_value_is_reported_again() -> None:
    clock = SystemClock()
    pipeline = Pipeline(
        PipelineConfig(heartbeat=3600.0), Outbox(Path("unused"), OutboxBounds(), clock), Boot(clock), clock
    )
    pipeline.know("meter", [MetricFilter("power")])
    for _ in range(3):
        pipeline.sample(Sample("meter", 1_800_000_000_000, [1.5]))
    assert len(pipeline._rows) == 1
    pipeline.refresh()
    pipeline.sample(Sample("meter", 1_800_000_000_001, [1.5]))
    assert len(pipeline._rows) == 2
