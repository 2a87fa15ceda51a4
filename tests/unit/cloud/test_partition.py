"""Which ingest process takes which gateway."""

import pytest

from plantroom_cloud.ingest.partition import Partition, PartitionError


def test_each_gateway_has_exactly_one_process() -> None:
    shares = [Partition.parse(f"{number}/3") for number in (1, 2, 3)]
    for number in range(100):
        assert sum(share.has_topic(f"plantroom/v1/gw-{number}/data") for share in shares) == 1
    assert [share.has_topic("plantroom/odd") for share in shares] == [True, False, False]
    assert len({share.client_id for share in shares} | {Partition().client_id}) == 4


def test_all_of_a_gateway_goes_the_same_way() -> None:
    share = Partition(1, 2)
    topics = [f"plantroom/v1/gw-7/{kind}" for kind in ("data", "birth", "status", "direct/scale-1")]
    assert len({share.has_topic(topic) for topic in topics}) == 1


@pytest.mark.parametrize("text", ["", "2/1", "0/2", "a/b", "1/2/3", "-1/2"])
def test_nonsense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(PartitionError, match="write 1/2 and 2/2"):
        Partition.parse(text)
