"""What there is to translate: the texts of templates, of the program and of its scripts."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2 import Environment, nodes
from jinja2.ext import Extension

import plantroom_shared
from plantroom_cloud import language as language_module
from plantroom_cloud.web.marking import Marking

_PROSE = re.compile(r"^[A-Z][a-z]|[A-Za-z]{2}[^=]* [^=]*[A-Za-z]")
_WORD = re.compile(r"[A-Za-z]{2}")
_CODE = re.compile(
    r"^\s|^[A-Z]\w+(-[A-Z]\w+)+$|^(attachment|inline); |^\?|\w:\d|[-a-z]+-[a-z0-9-]+( |$)|^[\w./:-]+="
    r"|^https?:|^/|[{}<>\\]|^hx-|^[A-Z_]+$"
)
#: What a call is given that nobody reads.
_UNREAD = {"type", "id", "name", "key", "page", "events", "href", "path", "step", "text_key"}
_CALL_OF_SCRIPT = re.compile(r"\btr\(\s*(\"(?:[^\"\\]|\\.)*\"|`[^`]*`)")


def of_template(source: str) -> Iterator[str]:
    """The messages of one template."""
    environment = Environment(extensions=[_I18n, Marking], autoescape=True)  # only parsed
    tree = environment.parse(source)
    for call in tree.find_all(nodes.Call):
        if (
            isinstance(call.node, nodes.Name)
            and call.node.name in ("gettext", "_")
            and isinstance(call.args[0], nodes.Const)
        ):
            yield str(call.args[0].value)
    for found in tree.find_all(nodes.Filter):
        if found.name == "worded" and found.node is not None:
            yield from _consts(found.node, False)
    for assigned in tree.find_all(nodes.Assign):
        yield from _consts(assigned.node, True)


class _I18n(Extension):
    """Nothing of its own: a place for what parsing needs."""


def _consts(node: nodes.Node, strict: bool) -> Iterator[str]:
    match node:
        case nodes.Const(value=str(text)):
            if _WORD.search(text) and not _code(text) and (not strict or _PROSE.search(text)):
                yield text
        case nodes.Compare() | nodes.Concat() | nodes.Test():
            return
        case nodes.Getitem():
            yield from _consts(node.node, strict)
        case nodes.Getattr():
            return
        case nodes.Filter():
            if node.node is not None:
                yield from _consts(node.node, strict)
            if node.name == "default":
                for argument in node.args:
                    yield from _consts(argument, strict)
        case nodes.CondExpr():
            yield from _consts(node.expr1, strict)
            if node.expr2 is not None:
                yield from _consts(node.expr2, strict)
        case nodes.Call():
            if isinstance(node.node, nodes.Name) and node.node.name in ("gettext", "_"):
                return
            if isinstance(node.node, nodes.Getattr) and isinstance(node.node.node, nodes.Dict):
                yield from _consts(node.node.node, strict)
            method = isinstance(node.node, nodes.Getattr) and node.node.attr == "get"
            for argument in node.args[1:] if method else node.args:
                yield from _consts(argument, not method or strict)
            for given in node.kwargs:
                if given.key not in _UNREAD:
                    yield from _consts(given.value, True)
        case nodes.Dict():
            for item in node.items:
                yield from _consts(item.value, strict)
        case _:
            for child in node.iter_child_nodes():
                yield from _consts(child, strict)


def _code(text: str) -> bool:
    return bool(_CODE.search(text)) and not re.search(r"[.?!]$", text)


#: Calls whose texts go to a log, a program or the database.
_NOT_READ = {
    "info",
    "warning",
    "error",
    "debug",
    "exception",
    "compile",
    "Query",
    "Header",
    "getLogger",
    "text",
    "isoformat",
    "strftime",
    "get_logger",
    "Gauge",
    "Counter",
    "Histogram",
    "execute",
    "DDL",
    "option",
    "argument",
    "command",
    "APIRouter",
    "FastAPI",
    "echo",
    "removeprefix",
    "TypeVar",
    "cast",
    "startswith",
    "ClickException",
    "BadParameter",
    "UsageError",
    "RuntimeError",
    "AssertionError",
}


def of_program(source: str) -> Iterator[str]:
    """Texts that a module of the program says to people: words of enumerations, and prose anywhere but in docstrings
    and logs; what is put together has named placeholders."""
    tree = ast.parse(source)
    unread: set[ast.AST] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and _called(node) in ("said", "gettext")
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)
            unread.add(node.args[0])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            unread.add(node.value)
        if isinstance(node, ast.Call) and _called(node) in _NOT_READ:
            unread.update(ast.walk(node))
        if isinstance(node, ast.keyword) and node.arg == "description":
            unread.add(node.value)
        if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
            unread.update(ast.walk(node.annotation))
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            unread.update(ast.walk(node.returns))
        if isinstance(node, (ast.Compare, ast.Subscript, ast.Assert)):
            unread.update(child for child in ast.walk(node) if isinstance(child, ast.Constant))
        if isinstance(node, ast.JoinedStr):
            unread.update(child for child in ast.walk(node) if child is not node and isinstance(child, ast.Constant))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "StrEnum" for base in node.bases):
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) and line.value.value:
                    yield str(line.value.value)
        elif node in unread:
            continue
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _PROSE.search(node.value) and not _code(node.value) and not _sql(node.value):
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            text = _joined(node)
            bare = language_module.PLACEHOLDER.sub("", text).strip()
            if _PROSE.search(bare) and not _code(bare) and not _sql(bare):
                yield text


def bare_errors(source: str) -> Iterator[str]:
    """Where a module raises an error with words that no catalogue can know: put together before, not `said`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _called(node.exc).endswith("Error"):
            for argument in (*node.exc.args, *(given.value for given in node.exc.keywords)):
                for part in ast.walk(argument):
                    if isinstance(part, ast.JoinedStr) and _PROSE.search(_joined(part)):
                        yield f"line {part.lineno}: {_joined(part)}"


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _sql(text: str) -> bool:
    return bool(re.match(r"(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|SHOW|LOCK|SET)\b", text))


def _joined(node: ast.JoinedStr) -> str:
    out = ""
    taken: dict[str, int] = {}
    for part in node.values:
        if isinstance(part, ast.Constant):
            out += str(part.value).replace("%", "%%")
        elif isinstance(part, ast.FormattedValue):
            names = [
                n.attr if isinstance(n, ast.Attribute) else n.id
                for n in ast.walk(part.value)
                if isinstance(n, (ast.Attribute, ast.Name))
            ]
            name = names[0] if names else "value"
            count = taken[name] = taken.get(name, 0) + 1
            out += f"%({name}{count if count > 1 else ''})s"
    return out


def of_script(source: str) -> Iterator[str]:
    """What a script says through `tr("…")`."""
    for found in _CALL_OF_SCRIPT.finditer(source):
        yield found[1][1:-1].replace('\\"', '"')


#: Words of the program that no enumeration and no template holds, by where people read them.
_WORDS = {
    "web/templates/macros.html": (
        *("ok", "silent", "stale", "gateway-offline", "unknown", "online", "offline", "never-seen", "revoked"),
        *("yes", "no", "on shift", "off shift", "on call"),
    ),
    "web/static/js/chart.js": ("raised", "limit"),
    "web/static/js/my.js": (
        *("critical", "high", "medium", "low"),
        *("parts", "access", "contractor", "safety", "other"),
        *("travel", "diagnose", "repair", "maintain", "wait"),
        *("requested", "closed", "cancelled", "rejected"),
    ),
    "web/static/js/walk.js": (
        *("pending", "visited", "early", "late", "skipped", "missed"),
        *("out-of-order", "implausible"),
    ),
    "walks/api.py": (
        *("too-fast", "two-places", "no-round"),
        *("malformed", "foreign", "forged", "revoked", "expired", "early", "replayed"),
    ),
}


#: What these say goes to a terminal, a log, a program or another server.
NOT_FOR_PEOPLE = (
    *("migrations/", "web/messages", "language.py", "web/marking", "cli.py", "serve.py", "config.py", "database.py"),
    *("backup.py", "migration.py", "logs.py", "metrics.py", "columns.py", "labels.py", "telemetry/influx"),
    *("telemetry/sqlite", "telemetry/store", "gateways/broker", "gateways/certificate", "gateways/enrolment"),
    *("ingest/loop", "ingest/partition", "stream/changes", "plantroom_shared/mistake", "plantroom_shared/document"),
    *("plantroom_shared/said", "plantroom_shared/cancellation", "plantroom_shared/backoff", "files/answer"),
)
#: Of modules that do say something to people, what looks like it and is not.
_NO_TEXT = frozenset(
    (
        "any maskable",
        "Bearer ",
        "Value error, ",
        "Problem",
        "RFC 9457 problem details.",
        "ValidationError",
        "MessagePack",
        "WasteRules",
    )
) | {"critical critical high medium", "critical high medium medium", "high medium medium low", "medium low low low"}


def messages(package: Path) -> dict[str, list[str]]:
    """All of them with where they stand."""
    found: dict[str, list[str]] = {}
    readers = (
        (package / "web/templates", "*.html", of_template),
        (package / "web/static/js", "*.js", of_script),
        (package, "*.py", of_program),
        (Path(plantroom_shared.__file__).parent, "*.py", of_program),
    )
    for folder, names, read in readers:
        for path in sorted(folder.rglob(names)):
            ours = path.is_relative_to(package)
            place = path.relative_to(package if ours else folder.parent).as_posix()
            if place.startswith(NOT_FOR_PEOPLE):
                continue
            for text in read(path.read_text("utf-8")):
                if text in _NO_TEXT:
                    continue
                places = found.setdefault(text, [])
                if place not in places:
                    places.append(place)
    for place, words in _WORDS.items():
        for text in words:
            found.setdefault(text, []).append(place)
    return found


def update(package: Path, language: str) -> list[str]:
    """Brings a catalogue up to date with the source: what is new stands in it without a translation, what is gone
    leaves it; what is still missing."""
    path = language_module.path(language)
    known = language_module.catalogue(language) if path.exists() else {}
    catalogue = Catalog(
        locale=language.replace("-", "_"), project="Plantroom", version="", charset="utf-8", fuzzy=False
    )
    catalogue.header_comment = (
        "# Texts of Plantroom. After a change of the source: python -m plantroom_cloud.web.messages"
    )
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 11, 25, tzinfo=UTC)  # no change without a change
    for text, places in sorted(messages(package).items(), key=lambda item: (item[1][0], item[0])):
        catalogue.add(text, known.get(text, ""), locations=[(place, 0) for place in places], flags=_flags(text))
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, omit_header=False, include_lineno=False, sort_output=False)
    return [str(message.id) for message in catalogue if message.id and not message.string]


def _flags(text: str) -> list[str]:
    return ["python-format"] if "%(" in text or "%%" in text else []


if __name__ == "__main__":
    print(*update(Path(__file__).parents[1], language_module.CHINESE), sep="\n")
