"""A real PostgreSQL; it refuses to run as root, so it runs as `postgres` there."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg

from tests.servers.ports import free_port
from tests.servers.process import Server

#: A change of user forgets that the process dies with its parent: it is told again after that.
_AS_POSTGRES = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--pdeathsig", "KILL"]


def _bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1]


class Postgres:
    """A cluster of its own on a free port, in a folder of its own.

    What is not `durable` survives a kill -9 of the server, but no power cut, and is several times as fast."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.port = free_port()
        self.dir = folder
        self._as = _AS_POSTGRES if os.geteuid() == 0 else []
        data = folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            for parent in folder.parents:
                if parent != Path("/") and parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
        subprocess.run(
            [*self._as, str(_bin() / "initdb"), "-D", str(data), "--no-sync", "-A", "trust", "-U", "plantroom"],
            check=True,
            capture_output=True,
        )
        command: list[str | Path] = [*self._as, _bin() / "postgres", "-D", data, "-p", str(self.port)]
        self.server = Server(
            "postgres",
            [*command, "-k", folder, "-h", "127.0.0.1", "-c", "fsync=on" if durable else "fsync=off"],
            log=folder / "postgres.log",
            ready=self._answers,
        )

    def _answers(self) -> bool:
        try:
            psycopg.connect(host="127.0.0.1", port=self.port, user="plantroom", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str) -> str:
        """A new empty database; returns its SQLAlchemy URL."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="plantroom", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://plantroom@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        shutil.rmtree(self.dir, ignore_errors=True)
