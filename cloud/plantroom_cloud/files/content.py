"""What a file is, by its content, whatever it is called; pure."""

import re
import unicodedata
import zipfile
from io import BytesIO

PICTURES = ("image/jpeg", "image/png", "image/webp")
PDF = "application/pdf"
TEXT = "text/plain"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", PDF: ".pdf", TEXT: ".txt", XLSX: ".xlsx"}

MOST_PARTS = 5000
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def media_type(content: bytes) -> str | None:
    """None for what is not taken. Nothing that a browser could run (SVG, HTML) has a type of its own: it is text."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"%PDF-"):
        return PDF
    if content.startswith(b"PK\x03\x04"):
        return XLSX if _is_workbook(content) else None
    return TEXT if _is_text(content) else None


def plain_name(name: str, kind: str) -> str:
    """What a file is called: no path, nothing invisible, and an ending that says what it is."""
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    base = "".join(letter for letter in base if unicodedata.category(letter)[0] != "C").strip(" .")[:120]
    ending = ENDINGS[kind]
    right = (
        (ending, ".jpeg") if kind == "image/jpeg" else (ending, ".csv", ".log", ".md") if kind == TEXT else (ending,)
    )
    if base.lower().endswith(right):
        return base
    return (base or ("photo" if kind in PICTURES else "file")) + ending


def _is_workbook(content: bytes) -> bool:
    """A spreadsheet without macros; only its list of parts is read, nothing is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as parts:
            names = parts.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    if len(names) > MOST_PARTS or any(name.lower().endswith("vbaproject.bin") for name in names):
        return False
    return "[Content_Types].xml" in names and "xl/workbook.xml" in names


def _is_text(content: bytes) -> bool:
    if not content or _CONTROL.search(content) is not None:
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
