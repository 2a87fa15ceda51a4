"""Where the files of `configs/` are: in the installed package, or in the repository for an editable install."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def library_path(folder: str) -> Path:
    """The folder `profiles` or `scenarios` that was installed with us."""
    installed = _HERE / "library" / folder
    return installed if installed.is_dir() else _HERE.parents[1] / "configs" / folder
