"""What people are told about a wrong scenario, and that the ones that come with us are right."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from plantroom_sim import kinds
from plantroom_sim.cli import main
from plantroom_sim.errors import ScenarioError
from plantroom_sim.loader import load_scenario
from plantroom_sim.registry import KINDS

ROOT = Path(__file__).parents[3]
CASES = sorted((ROOT / "tests" / "cases" / "scenarios").iterdir())
FOLDERS = sorted(path for path in Path(kinds.__path__[0]).iterdir() if (path / "__init__.py").exists())
OURS = [*(ROOT / "configs" / "scenarios").glob("*.yaml"), ROOT / "docker" / "scenario.yaml"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_mistakes_are_told_with_line_reason_and_remedy(case: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(case / "scenario.yaml")
    assert str(caught.value).replace(f"{case}/", "") + "\n" == (case / "expected.txt").read_text("utf-8")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_kind_has_the_same_files_and_a_sample_that_shows_it(folder: Path) -> None:
    there = {path.name for path in folder.iterdir()}
    assert {"config.py", "wire.py", "device.py", "bus.py", "README.md", "sample.yaml"} <= there
    scenario = load_scenario(folder / "sample.yaml")
    makers = {KINDS[bus.type].make.__module__ for gateway in scenario.gateways for bus in gateway.buses}
    assert f"plantroom_sim.kinds.{folder.name}.bus" in makers


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_the_scenarios_that_come_with_us_are_right(path: Path) -> None:
    assert load_scenario(path).gateways


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_check_leaves_nothing_behind(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, ["check", str(path)])
    assert said.exit_code == 0, said.output
    assert list(tmp_path.iterdir()) == []
