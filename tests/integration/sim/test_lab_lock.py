"""Two labs do not share a folder."""

from pathlib import Path

import pytest

from plantroom_sim.errors import SimError
from plantroom_sim.lab.lock import only_one


def test_a_second_lab_is_told_and_the_folder_is_free_afterwards(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(SimError, match="already: end it first"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
