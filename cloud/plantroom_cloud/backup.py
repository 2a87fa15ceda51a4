"""Backup and restore of what lies in SQLite files; other databases have tools of their own."""

import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plantroom_cloud.config import CloudConfig
from plantroom_cloud.errors import CloudError


class BackupError(CloudError):
    """It cannot be done so; says what would be right."""


def back_up(config: CloudConfig, target: Path) -> list[str]:
    """The databases of a running or stopped control plane into one archive; their names in it."""
    files = {"plantroom.db": _relational(config)}
    if config.telemetry.store == "sqlite":
        files["telemetry.db"] = config.telemetry.path
    with tempfile.TemporaryDirectory() as folder, tarfile.open(target, "w:gz") as archive:
        for name, source in files.items():
            copy = Path(folder) / name
            with sqlite3.connect(source) as live, sqlite3.connect(copy) as into:
                live.backup(into)
            archive.add(copy, name)
    return list(files)


def put_back_from(config: CloudConfig, source: Path, *, force: bool) -> Iterator[Path]:
    """Databases out of an archive; `force` replaces those that are there. Raises BackupError."""
    targets = {"plantroom.db": _relational(config), "telemetry.db": config.telemetry.path}
    with tarfile.open(source) as archive:
        for name, target in targets.items():
            if name not in archive.getnames():
                continue
            if target.exists() and not force:
                raise BackupError(f"{target} is there; stop the control plane and give --force to replace it")
            member = archive.extractfile(name)
            assert member is not None
            for suffix in ("-wal", "-shm"):
                Path(f"{target}{suffix}").unlink(missing_ok=True)
            target.write_bytes(member.read())
            yield target


def _relational(config: CloudConfig) -> Path:
    if not config.database_url.startswith("sqlite:///"):
        raise BackupError(
            f"this database is backed up by its own tools: pg_dump -Fc '{config.database_url}' > plantroom.dump"
        )
    return Path(config.database_url.removeprefix("sqlite:///"))
