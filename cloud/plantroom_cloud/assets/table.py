"""Assets as a table: what stands in a CSV or XLSX file, checked row by row; pure."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from plantroom_cloud.assets.models import MOST_CHARACTERS, Asset, AssetKind
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.workbook import xlsx
from plantroom_shared.said import Own, said

COLUMNS = (
    "code",
    "name",
    "kind",
    "site",
    "parent",
    "class",
    "maker",
    "model",
    "serial",
    "criticality",
    "installed",
    "warranty",
    "team",
    "notes",
)
NEEDED = ("code", "name", "kind", "site")
CRITICALITIES = ("critical", "high", "medium", "low")
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """One asset as the file has it; `parent` is a code."""

    number: int  #: of the line in the file, the heading is 1
    cells: Mapping[str, str]

    def date_of(self, column: str) -> date | None:
        """None where nothing stands; raises ValueError."""
        text = self.cells[column]
        return date.fromisoformat(text) if text else None


def read_table(name: str, content: bytes) -> list[Row]:
    """By its content, whatever it is called; raises InvalidError for what is no table of ours."""
    lines = _xlsx(content) if content.startswith(b"PK") else _csv(content)
    if not lines:
        raise InvalidError(
            said(
                "%(name)s: is empty; its first line names the columns: %(columns)s",
                name=name,
                columns=list(map(Own, COLUMNS)),
            )
        )
    heading = [cell.strip().casefold() for cell in lines[0]]
    unknown = [cell for cell in heading if cell and cell not in COLUMNS]
    missing = [column for column in NEEDED if column not in heading]
    if unknown or missing:
        wrong = [said("no column %(cell)r is known", cell=cell) for cell in unknown] + [
            said("column %(c)r is missing", c=c) for c in missing
        ]
        raise InvalidError(
            said(
                "%(name)s, line 1: %(wrong)s. Columns: %(columns)s",
                name=name,
                wrong="; ".join(wrong),
                columns=list(map(Own, COLUMNS)),
            )
        )
    if len(lines) > MOST_ROWS:
        raise InvalidError(
            said(
                "%(name)s: %(count)s lines; at most %(most_rows)s at once",
                name=name,
                count=len(lines),
                most_rows=MOST_ROWS,
            )
        )
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = dict(zip(heading, (cell.strip() for cell in line), strict=False))
        if any(cells.values()):
            rows.append(Row(number, {column: cells.get(column, "") for column in COLUMNS}))
    return rows


class _Teller:
    """Mistakes of one line."""

    def __init__(self, found: list[tuple[int, str]], number: int) -> None:
        self._found = found
        self._number = number

    def say(self, text: str) -> None:
        """One more."""
        self._found.append((self._number, text))


def check_rows(
    rows: Sequence[Row], known: Mapping[str, Asset], sites: Iterable[str], teams: Iterable[str]
) -> list[tuple[int, str]]:
    """Every mistake with the line it stands in. `known`: assets by code."""
    sites, teams = set(sites), set(teams)
    found: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    codes = {row.cells["code"] for row in rows} | set(known)
    parents = dict.fromkeys(known, "") | {row.cells["code"]: row.cells["parent"] for row in rows}
    for row in rows:
        cells, say = row.cells, _Teller(found, row.number).say
        code = cells["code"]
        if not code or len(code) > 63:
            say("code: say a short unique code, for example PMP-001")
        elif code in seen:
            say(said("code %(code)r stands in line %(seen)s too; codes are unique", code=code, seen=seen[code]))
        seen.setdefault(code, row.number)
        if not cells["name"]:
            say("name: say what it is")
        for field, most in MOST_CHARACTERS.items():
            column = "class" if field == "equipment_class" else field
            if field != "code" and len(cells[column]) > most:
                say(said("%(field)s: at most %(most)s characters", field=column, most=most))
        if cells["kind"] not in set(AssetKind):
            say(said("kind %(cells)r: use %(assetkind)s", cells=cells["kind"], assetkind=list(map(Own, AssetKind))))
        if cells["site"] not in sites:
            say(
                said(
                    "site %(cells)r is not known; there are: %(sites)s",
                    cells=cells["site"],
                    sites=sorted(sites) or ["none"],
                )
            )
        if cells["parent"] and cells["parent"] not in codes:
            say(said("parent %(cells)r is no code here or in this file", cells=cells["parent"]))
        elif _circle(code, parents):
            say(said("parent %(cells)r lies below %(code)r itself", cells=cells["parent"], code=code))
        if cells["criticality"] and cells["criticality"] not in CRITICALITIES:
            say(
                said(
                    "criticality %(cells)r: use %(criticalities)s",
                    cells=cells["criticality"],
                    criticalities=list(map(Own, CRITICALITIES)),
                )
            )
        if cells["team"] and cells["team"] not in teams:
            say(
                said(
                    "team %(cells)r is not known; there are: %(teams)s",
                    cells=cells["team"],
                    teams=sorted(teams) or ["none"],
                )
            )
        for column in ("installed", "warranty"):
            try:
                row.date_of(column)
            except ValueError:
                say(said("%(column)s %(cells)r: write a date like 2024-05-31", column=column, cells=cells[column]))
    return found


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """With the heading; UTF-8 with its mark, so that spreadsheets read it right."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([[_safe(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    """With the heading."""
    return xlsx({"assets": [COLUMNS, *rows]})


def _safe(cell: str) -> str:
    """A text that a spreadsheet would run as a formula is shown as it is."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def _circle(code: str, parents: Mapping[str, str]) -> bool:
    above, seen = parents.get(code, ""), {code}
    while above:
        if above in seen:
            return above == code
        seen.add(above)
        above = parents.get(above, "")
    return False


def _csv(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError("this is neither an XLSX file nor UTF-8 text; save it as one of them") from error
    first = text.partition("\n")[0]
    # newline="": a line may end in CR LF, LF or CR , as each system writes
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        return list(reader)
    except csv.Error as error:
        raise InvalidError(
            said("line %(line_num)s of this CSV file cannot be read: %(error)s", line_num=reader.line_num, error=error)
        ) from error


def _xlsx(content: bytes) -> list[list[str]]:
    from openpyxl import load_workbook  # only where a spreadsheet is read: the ingest needs its memory
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > 100_000_000:
                raise InvalidError("this file unpacks to more than 100 MB; that is no list of assets")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InvalidError(said("this XLSX file cannot be read: %(error)s", error=error)) from error
    sheet = book.worksheets[0]
    return [[_text(cell) for cell in line] for line in sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 2)]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
