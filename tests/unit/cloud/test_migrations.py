"""Migrations form one line: each has a number of its own and follows the one before."""

import re

from plantroom_cloud.migration import FOLDER


def test_each_follows_the_one_before() -> None:
    files = sorted((FOLDER / "versions").glob("*.py"))
    found = []
    for path in files:
        text = path.read_text()
        revision, before = (
            re.search(rf'^{name} = (?:"(\w+)"|None)$', text, re.MULTILINE) for name in ("revision", "down_revision")
        )
        assert revision is not None, path
        assert before is not None, path
        assert path.name.startswith(f"{revision.group(1)}_"), f"{path.name} holds revision {revision.group(1)}"
        found.append((revision.group(1), before.group(1)))
    numbers = [f"{number:04d}" for number in range(1, len(files) + 1)]
    assert found == list(zip(numbers, [None, *numbers], strict=False))
