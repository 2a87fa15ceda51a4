"""Other people's Modbus servers: libmodbus, compiled here, and the npm package modbus-serial."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from docker.assets import npm

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache"


@cache
def libmodbus() -> Path:
    """The compiled mb_server.c."""
    source, program = HERE / "mb_server.c", CACHE / "mb_server"
    CACHE.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        asked = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=True
        )
        new = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", source, "-o", new, *asked.stdout.split()], check=True)
        new.replace(program)
    return program


@cache
def modbus_serial() -> tuple[Path, Path]:
    """Node and the folder that has the package."""
    wanted, folder = HERE / "package.json", CACHE / "npm"
    here = folder / "package.json"
    if not (here.exists() and here.read_text() == wanted.read_text() and (folder / "node_modules").is_dir()):
        folder.mkdir(parents=True, exist_ok=True)
        here.unlink(missing_ok=True)
        shutil.copy(wanted, folder / "package.new")
        (folder / "package.new").replace(here)
        command = [*npm(), "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        try:
            subprocess.run(command, cwd=folder, check=True)
        except subprocess.CalledProcessError:
            here.unlink()
            raise
    node = shutil.which("node") or str(Path(sys.executable).parent / "node")
    return Path(node), folder


def command(server: str, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """How to start one, and its environment; it prints "ready"."""
    if server == "libmodbus":
        return [str(libmodbus()), *arguments], {}
    node, folder = modbus_serial()
    return [str(node), str(HERE / "modbus_serial_server.js"), *arguments], {"NODE_PATH": str(folder / "node_modules")}
