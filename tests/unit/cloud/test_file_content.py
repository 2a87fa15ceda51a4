"""What a file is by its content, and what it may be called."""

import zipfile
from io import BytesIO

import pytest
from openpyxl import Workbook

from plantroom_cloud.files.content import PDF, TEXT, XLSX, media_type, plain_name


def _book() -> bytes:
    out = BytesIO()
    Workbook().save(out)
    return out.getvalue()


def _archive(*names: str) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        for name in names:
            parts.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", PDF),
        ("Größe;°C\n1;2\n".encode(), TEXT),
        (b"\xef\xbb\xbfmeter;kWh\r\n", TEXT),
        (b"<html><script>alert(1)</script>", TEXT),
        (b"<svg onload=alert(1)>", TEXT),
        (_book(), XLSX),
        (_archive("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"), None),
        (_archive("[Content_Types].xml", "word/document.xml"), None),
        (_archive("virus.exe"), None),
        (b"PK\x03\x04 no archive", None),
        (b"MZ\x90\x00\x03", None),
        (b"\x7fELF", None),
        (b"GIF89a\x01\x00", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        ("käse".encode("latin-1"), None),
        (b"text\x00with nul", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, kind: str | None) -> None:
    assert media_type(content) == kind


@pytest.mark.parametrize(
    ("name", "kind", "called"),
    [
        ("manual.pdf", PDF, "manual.pdf"),
        ("page.html", TEXT, "page.html.txt"),
        ("readings.CSV", TEXT, "readings.CSV"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("evil.svg", "image/png", "evil.svg.png"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\Users\\eve\\plan.xlsx", XLSX, "plan.xlsx"),
        ("a\r\nSet-Cookie: x", TEXT, "aSet-Cookie: x.txt"),
        ("gpj.\u202eexe.pdf", PDF, "gpj.exe.pdf"),
        ("", "image/jpeg", "photo.jpg"),
        (" .. ", PDF, "file.pdf"),
        ("泵房.pdf", PDF, "泵房.pdf"),
    ],
)
def test_a_name_says_what_it_is_and_leads_nowhere(name: str, kind: str, called: str) -> None:
    assert plain_name(name, kind) == called
