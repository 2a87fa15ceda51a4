"""Tables as files for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from fastapi.responses import Response


class CsvResponse(Response):
    """For `response_class`: what the schema says of it."""

    media_type = "text/csv"


def csv_response(name: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> Response:
    """A file for spreadsheets; what would be taken for a formula is text."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return CsvResponse(target.getvalue(), headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return "'" + value
    return "" if value is None else value
