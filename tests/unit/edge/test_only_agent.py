"""Two agents do not share a data folder."""

from pathlib import Path

import pytest

from plantroom_edge.errors import EdgeError
from plantroom_edge.only_agent import only_agent


def test_a_second_agent_is_told_and_the_folder_is_free_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with only_agent(folder), pytest.raises(EdgeError, match=r"runs with data_dir .* already"), only_agent(folder):
        pass
    with only_agent(folder):
        pass


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeError, match="name a folder that the agent may write to"), only_agent(tmp_path / "file"):
        pass
