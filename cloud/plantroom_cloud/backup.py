"""Backup and restore of what lies in SQLite files; other databases have tools of their own."""

import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from contextlib import closing
from pathlib import Path

from plantroom_cloud.config import CloudConfig
from plantroom_cloud.errors import CloudError


class BackupError(CloudError):
    """It cannot be done so; says what would be right."""


def back_up(config: CloudConfig, target: Path) -> list[str]:
    """The databases of a running or stopped control plane into one archive; their names in it. The archive is there
    once it is whole. Raises BackupError."""
    files = {"plantroom.db": _relational(config)}
    if config.telemetry.store == "sqlite":
        files["telemetry.db"] = config.telemetry.path
    for source in files.values():
        if not source.is_file():
            raise BackupError(f"there is no database {source}; give the configuration of a control plane that has run")
    part = target.with_name(f"{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(part, "w:gz") as archive:
            for name, source in files.items():
                copy = Path(folder) / name
                with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copy)) as into:
                    live.backup(into)
                archive.add(copy, name)
        part.replace(target)
    except OSError as error:
        raise BackupError(f"{target}: cannot be written ({error.strerror}); name a file where there is room") from error
    finally:
        part.unlink(missing_ok=True)
    return list(files)


def put_back_from(config: CloudConfig, source: Path, *, force: bool) -> list[Path]:
    """Databases out of an archive; `force` replaces those that are there. All are read and checked before the first is
    replaced. Raises BackupError."""
    targets = {"plantroom.db": _relational(config)}
    if config.telemetry.store == "sqlite":
        targets["telemetry.db"] = config.telemetry.path
    taken: dict[Path, Path] = {}
    try:
        with tarfile.open(source) as archive:
            for name, target in targets.items():
                member = archive.extractfile(name) if name in archive.getnames() else None
                if member is None:
                    continue
                if target.exists() and not force:
                    raise BackupError(f"{target} is there; stop the control plane and give --force to replace it")
                target.parent.mkdir(parents=True, exist_ok=True)
                taken[target] = target.with_name(f"{target.name}.restored")
                with taken[target].open("wb") as copy:
                    shutil.copyfileobj(member, copy)
                _check(taken[target])
        if not taken:
            raise BackupError(f"{source}: there is none of {', '.join(targets)} in it; give what `backup` wrote")
        for target, copy_path in taken.items():
            for suffix in ("-wal", "-shm"):
                Path(f"{target}{suffix}").unlink(missing_ok=True)
            copy_path.replace(target)
    except (tarfile.TarError, EOFError, zlib.error, sqlite3.DatabaseError) as error:
        raise BackupError(f"{source}: is no whole backup ({error}); nothing was changed") from error
    except OSError as error:
        raise BackupError(f"{source}: cannot be put back: {error}") from error
    finally:
        for copy_path in taken.values():
            copy_path.unlink(missing_ok=True)
    return list(taken)


def _check(database: Path) -> None:
    """Raises sqlite3.DatabaseError for what is no whole database."""
    with closing(sqlite3.connect(database)) as found:
        answer = found.execute("PRAGMA quick_check(1)").fetchone()[0]
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    if answer != "ok":
        raise sqlite3.DatabaseError(answer)


def _relational(config: CloudConfig) -> Path:
    if not config.database_url.startswith("sqlite:///"):
        raise BackupError(
            f"this database is backed up by its own tools: pg_dump -Fc '{config.database_url}' > plantroom.dump"
        )
    return Path(config.database_url.removeprefix("sqlite:///"))
