"""Backup and restore by the command line: whole or not at all."""

import sqlite3
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plantroom_cloud.cli import main


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud" / "cloud.yaml"
    path.parent.mkdir()
    path.write_text("{}")
    assert run("migrate", "-c", path).exit_code == 0
    with sqlite3.connect(path.parent / "telemetry.db") as telemetry:
        telemetry.execute("CREATE TABLE kept (value REAL)")
        telemetry.execute("INSERT INTO kept VALUES (21.5)")
    telemetry.close()
    return path


def kept(config: Path) -> list[tuple[float]]:
    database = sqlite3.connect(config.parent / "telemetry.db")
    try:
        return database.execute("SELECT value FROM kept").fetchall()
    finally:
        database.close()


def test_what_was_backed_up_comes_back(config: Path, tmp_path: Path) -> None:
    archive = tmp_path / "plantroom.tar.gz"
    said = run("backup", archive, "-c", config)
    assert said.output == f"{archive}: plantroom.db, telemetry.db\n"
    refused = run("restore", archive, "-c", config)
    assert (refused.exit_code, "give --force" in refused.output) == (1, True)
    with sqlite3.connect(config.parent / "telemetry.db") as telemetry:
        telemetry.execute("DELETE FROM kept")
    telemetry.close()
    assert run("restore", archive, "--force", "-c", config).exit_code == 0
    assert kept(config) == [(21.5,)]
    assert sorted(path.name for path in config.parent.iterdir()) == ["cloud.yaml", "plantroom.db", "telemetry.db"]


def test_no_half_archive_is_taken_and_nothing_is_touched(config: Path, tmp_path: Path) -> None:
    whole, half, text, other = (tmp_path / name for name in ("whole.tgz", "half.tgz", "text", "other.tgz"))
    assert run("backup", whole, "-c", config).exit_code == 0
    half.write_bytes(whole.read_bytes()[:-2000])
    text.write_text("no archive")
    with tarfile.open(other, "w:gz") as archive:
        archive.add(text, "text")
    with tarfile.open(tmp_path / "false.tgz", "w:gz") as archive:
        archive.add(text, "plantroom.db")
    for wrong in (half, text, other, tmp_path / "false.tgz"):
        said = run("restore", wrong, "--force", "-c", config)
        assert said.exit_code == 1
        assert str(wrong) in said.output
    assert kept(config) == [(21.5,)]


def test_an_archive_that_cannot_be_written_is_told(config: Path, tmp_path: Path) -> None:
    said = run("backup", tmp_path / "nowhere" / "plantroom.tar.gz", "-c", config)
    assert said.exit_code == 1
    assert "name a file where there is room" in said.output
    (tmp_path / "new.yaml").write_text("database_url: sqlite:///new.db")
    said = run("backup", tmp_path / "plantroom.tar.gz", "-c", tmp_path / "new.yaml")
    assert (said.exit_code, "there is no database" in said.output) == (1, True)
    assert not (tmp_path / "new.db").exists()


def test_a_token_lasts_for_days_or_without_end_but_never_for_none(config: Path) -> None:
    assert run("user", "add", "anna", "--role", "viewer", "--password", "correct horse", "-c", config).exit_code == 0
    for days in ("0", "-1"):
        assert run("user", "token", "anna", "--name", "x", "--days", days, "-c", config).exit_code == 2
    assert run("user", "token", "anna", "--name", "x", "--days", "1", "-c", config).output.startswith("pr_")


def test_a_port_that_is_taken_is_told_by_its_key(config: Path, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        config.write_text(f"web: {{port: {taken.getsockname()[1]}}}\nmetrics: {{port: 0}}")
        said = run("serve", "-c", config)
    assert said.exit_code == 1
    assert said.output.startswith("web.host, web.port: 127.0.0.1:")
