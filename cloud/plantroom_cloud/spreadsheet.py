"""Tables as files for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from fastapi.responses import Response

from plantroom_cloud.workbook import XLSX, cell, xlsx


class CsvResponse(Response):
    """For `response_class`: what the schema says of it."""

    media_type = "text/csv"


def csv_response(name: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> Response:
    """A file for spreadsheets; what would be taken for a formula is text."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(head)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return CsvResponse(target.getvalue(), headers={"Content-Disposition": f'attachment; filename="{name}"'})


def xlsx_response(name: str, sheets: Mapping[str, Iterable[Sequence[object]]]) -> Response:
    """A workbook as a file."""
    return Response(xlsx(sheets), media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})
