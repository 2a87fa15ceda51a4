"""What a module of the program says to people."""

import ast
import re
from collections.abc import Iterator

from plantroom_cloud.language import PLACEHOLDER

#: Begins with a capital, or has two words.
PROSE = re.compile(r"^[A-Z][a-z]|[A-Za-z]{2}[^=]* [^=]*[A-Za-z]")
#: Two letters at least.
WORD = re.compile(r"[A-Za-z]{2}")
_CODE = re.compile(
    r"^\s|^[A-Z]\w+(-[A-Z]\w+)+$|^(attachment|inline); |^default-?src |^\?|\w:\d|[-a-z]+-[a-z0-9-]+( |$)|^[\w./:-]+="
    r"|^https?:|^/|[{}<>\\]|^hx-|^[A-Z_]+$"
)


def _code_of_program(text: str) -> bool:
    """A program has no classes of CSS: words with a dash are words, and a standard has a year."""
    return is_code(re.sub(r"(?<=[a-z])-(?=[a-z])|(?<=\d):(?=\d{4} )", "", text))


def is_code(text: str) -> bool:
    """A selector, an address, a name of the program."""
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
            and called(node) in ("said", "gettext")
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)
            unread.add(node.args[0])
        if isinstance(node, ast.Call) and called(node) == "audit":  # who did what, on the page of the person
            yield from (text for text in map(text_of, node.args[2:3]) if text and "%" not in text)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            unread.add(node.value)
        if isinstance(node, ast.Call) and called(node) in _NOT_READ:
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
            if PROSE.search(node.value) and not _code_of_program(node.value) and not _sql(node.value):
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            text = _joined(node)
            bare = PLACEHOLDER.sub("", text).strip()
            if PROSE.search(bare) and not _code_of_program(bare) and not _sql(bare):
                yield text


def is_prose(text: str) -> bool:
    """Words that people read, beside their places."""
    return bool(PROSE.search(PLACEHOLDER.sub("", text)))


def text_of(node: ast.AST) -> str:
    """A constant text, or one that is put together, with named places; empty for anything else."""
    if isinstance(node, ast.JoinedStr):
        return _joined(node)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def bare_errors(source: str) -> Iterator[str]:
    """Where a module raises an error with words that no catalogue can know: put together before, not `said`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and called(node.exc).endswith("Error"):
            for argument in (*node.exc.args, *(given.value for given in node.exc.keywords)):
                for part in ast.walk(argument):
                    if isinstance(part, ast.JoinedStr) and PROSE.search(_joined(part)):
                        yield f"line {part.lineno}: {_joined(part)}"


def called(node: ast.Call) -> str:
    """What a call calls, without what it stands in."""
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
