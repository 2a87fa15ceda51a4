"""cloud.yaml: the sample is right, mistakes are told with the key and the remedy."""

from pathlib import Path

import pytest

from plantroom_cloud.config import CloudConfig, CloudConfigError, load_cloud_config

SAMPLE = Path(__file__).resolve().parents[3] / "configs" / "samples" / "cloud.yaml"


def test_the_sample_says_the_defaults() -> None:
    config = load_cloud_config(SAMPLE, {})
    defaults = CloudConfig()
    assert config.telemetry.model_copy(update={"path": defaults.telemetry.path}) == defaults.telemetry
    assert (config.web, config.metrics) == (defaults.web, defaults.metrics)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("telemetry: {raw_days: 500}", "each must be at least as long as the one before it"),
        ("telemetry: {token_file: nowhere}", "plantroom-cloud influx setup"),
        ("telemetry: {journal_mb: 0}", r"telemetry\.journal_mb"),
        ("web: {prot: 1}", r"cloud\.yaml:1: 'prot' is not known here; did you mean 'port'"),
        ("mqtt:\n  host: broker\n  port: 70000", r"cloud\.yaml:3: mqtt\.port: 70000 is too large; use at most 65535"),
        ("web: {port: 1}\nweb: {port: 2}", r"cloud\.yaml:2: 'web' stands here twice"),
        ("web: [", r"cloud\.yaml:1: not valid YAML"),
        ("- 1", r"samples/cloud\.yaml"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "cloud.yaml"
    path.write_text(text)
    with pytest.raises(CloudConfigError, match=reason):
        load_cloud_config(path, {})
