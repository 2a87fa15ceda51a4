"""A file as an answer to a browser: never as something that it would run."""

from urllib.parse import quote

from fastapi.responses import Response

from plantroom_cloud.files.content import PICTURES, TEXT
from plantroom_cloud.files.models import StoredFile


def sent(file: StoredFile, name: str) -> Response:
    """Pictures to look at, everything else to keep."""
    how = "inline" if file.media_type in PICTURES else "attachment"
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    kind = f"{TEXT}; charset=utf-8" if file.media_type == TEXT else file.media_type
    return Response(file.content, media_type=kind, headers=headers)
