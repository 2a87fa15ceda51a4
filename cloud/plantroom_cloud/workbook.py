"""XLSX files, and what a cell of a table may hold; knows no web framework."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

#: Of an XLSX file.
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def xlsx(sheets: Mapping[str, Iterable[Sequence[object]]]) -> bytes:
    """A workbook: the rows of each sheet by its name, the first is the heading; numbers stay numbers, moments are text
    (a workbook knows no time zone), and so is what would be taken for a formula."""
    from openpyxl import Workbook  # only where a spreadsheet is written: the ingest needs its memory

    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cell(value: object) -> object:
    """As a spreadsheet takes it: moments as text, and what would be taken for a formula, too."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return "'" + value
    return "" if value is None else value
