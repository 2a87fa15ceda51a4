"""Templates are written in English as they read; loading one marks its texts for translation.

Each text between tags, and each attribute that people read, becomes a gettext message with its expressions as named
placeholders; what an expression says by itself goes through `worded`, so that states, kinds, menu entries and errors
are translated by their English text. So no text of a page can be forgotten, and `messages.py` finds the same ones.
"""

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment
from jinja2.ext import Extension

#: Attributes whose text people read or hear.
READ = ("aria-label", "placeholder", "title", "alt", "label", "data-ask", "data-label", "data-text")
#: Elements whose text is nobody's prose, or comes back by a form.
_VERBATIM = ("script", "style", "textarea", "code", "pre")
#: Blocks and macros that stand inside a tag.
_IN_TAG = re.compile(r"\{%-?\s*(?:block\s+(?:live|events|head)|macro\s+(?:reload|reload_part))\b")
_ATTRIBUTE = re.compile(rf"(?<=\s)({'|'.join(READ)})=\"")
_TAG = re.compile(r"</?([a-zA-Z][\w-]*)")
_WORD = re.compile(r"[A-Za-z]{2}|^[A-Z]$")
_SEPARATOR = re.compile(r"(\s*·\s*|\s+[–→]\s+)")
_EDGES = re.compile(r"^([\s,;:()#/+–…]*)(.*?)(\s*)$", re.DOTALL)
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAME = re.compile(r"(?<![\w.|])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_NOT_A_NAME = {*keyword.kwlist, "true", "false", "none", "m", "loop"}


@dataclass(frozen=True)
class Piece:
    """A part of a template: `kind` is text, expression, statement or tag; `source` as it was written."""

    kind: str
    source: str


class Marking(Extension):
    """Marks the texts of each template as it is loaded."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Templates of pages; anything else stays as it is."""
        return mark(source) if name is None or name.endswith(".html") else source


def mark(source: str) -> str:
    """A template's source with its texts marked."""
    out: list[str] = []
    run: list[Piece] = []
    verbatim, in_tag = "", False
    for piece in pieces(source):
        if verbatim or in_tag:
            out.append(piece.source)
            if piece.kind == "tag" and piece.source.lower().startswith(f"</{verbatim}"):
                verbatim = ""
            if piece.kind == "statement" and re.match(r"\{%-?\s*end(block|macro)", piece.source):
                in_tag = False
            continue
        if piece.kind in ("text", "expression"):
            run.append(piece)
            continue
        out.append(_run(run))
        run = []
        if piece.kind == "tag":
            out.append(_attributes(piece.source))
            found = _TAG.match(piece.source)
            if found and found[1].lower() in _VERBATIM and not piece.source.startswith("</"):
                verbatim = found[1].lower()
        else:
            out.append(piece.source)
            in_tag = bool(_IN_TAG.match(piece.source))
    return "".join([*out, _run(run)])


def pieces(source: str) -> Iterator[Piece]:
    """A template's source in its parts, in order; put together again they are the source."""
    at = begun = 0
    while at < len(source):
        if source.startswith(("{{", "{%", "{#"), at):
            kind, end = {"{": "expression", "%": "statement", "#": "comment"}[source[at + 1]], _jinja_end(source, at)
        elif source.startswith("<!--", at):
            kind, end = "tag", source.index("-->", at) + 3
        elif source[at] == "<" and re.match(r"</?[a-zA-Z]|<!", source[at : at + 3]):
            kind, end = "tag", _tag_end(source, at)
        else:
            at += 1
            continue
        if begun < at:
            yield Piece("text", source[begun:at])
        yield Piece(kind, source[at:end])
        at = begun = end
    if begun < at:
        yield Piece("text", source[begun:])


def _jinja_end(source: str, at: int) -> int:
    closing = {"{": "}}", "%": "%}", "#": "#}"}[source[at + 1]]
    at, depth = at + 2, 0
    while at < len(source):
        if closing != "#}" and source[at] in "\"'":
            at = source.index(source[at], at + 1) + 1
            continue
        if closing == "}}" and source[at] == "{":
            depth += 1
        elif depth and source[at] == "}":
            depth -= 1
        elif source.startswith(closing, at):
            return at + 2
        at += 1
    raise ValueError(f"{closing} is missing")


def _tag_end(source: str, at: int) -> int:
    quote = ""
    while at < len(source):
        if source.startswith(("{{", "{%", "{#"), at):
            at = _jinja_end(source, at)
            continue
        if quote:
            quote = "" if source[at] == quote else quote
        elif source[at] in "\"'":
            quote = source[at]
        elif source[at] == ">":
            return at + 1
        at += 1
    raise ValueError("> is missing")


def _attributes(tag: str) -> str:
    out, at = [], 0
    while found := _ATTRIBUTE.search(tag, at):
        end = found.end()
        while tag[end] != '"':
            end = _jinja_end(tag, end) if tag.startswith(("{{", "{%", "{#"), end) else end + 1
        out += [tag[at : found.end()], mark(tag[found.end() : end])]
        at = end
    return "".join([*out, tag[at:]])


def _run(run: list[Piece]) -> str:
    """Texts and expressions that follow each other: a message for each part between separators."""
    if any('="' in piece.source for piece in run if piece.kind == "text"):
        return "".join(piece.source for piece in run)  # attributes that a macro makes
    out: list[str] = []
    part: list[Piece] = []
    for piece in run:
        if piece.kind == "expression":
            part.append(piece)
            continue
        for number, text in enumerate(_SEPARATOR.split(piece.source)):
            if number % 2:
                out += [_part(part), text]
                part = []
            elif text:
                part.append(Piece("text", text))
    return "".join([*out, _part(part)])


def _part(part: list[Piece]) -> str:
    if not any(piece.kind == "text" and _WORD.search(_plain(piece.source)) for piece in part):
        return "".join(f"{{{{ {_worded(p.source)} }}}}" if p.kind == "expression" else p.source for p in part)
    before = after = ""
    if part[0].kind == "text":
        edges = _EDGES.match(part[0].source)
        assert edges is not None
        before, part = edges[1], [Piece("text", edges[2] + edges[3]), *part[1:]]
    if part[-1].kind == "text":
        kept = part[-1].source.rstrip()
        after, part = part[-1].source[len(kept) :], [*part[:-1], Piece("text", kept)]
    words = ""
    values: dict[str, str] = {}
    for piece in part:
        if piece.kind == "text":
            words += re.sub(r"\s+", " ", piece.source).replace("%", "%%")
        else:
            name = _placeholder(piece.source, values)
            values[name] = _worded(piece.source)
            words += f"%({name})s"
    quoted = words.replace("\\", "\\\\").replace('"', '\\"')
    given = "".join(f", {name}={value}" for name, value in values.items())
    return f'{before}{{{{ gettext("{quoted}"{given}) }}}}{after}'


def _plain(text: str) -> str:
    return re.sub(r"&\w+;", " ", text)


def _worded(expression: str) -> str:
    return f"({expression[2:-2].strip().strip('-').strip()})|worded"


def _placeholder(expression: str, taken: dict[str, str]) -> str:
    """What the expression is about: its last name; `s` for an English plural's ending."""
    inner = expression[2:-2]
    if re.match(r"\s*[\"'](s|es|y|ies)[\"'] if ", inner):
        name = "s"
    else:
        names = [n for n in _NAME.findall(_STRING.sub("", re.sub(r"\|\s*\w+", "", inner))) if n not in _NOT_A_NAME]
        name = names[-1].rsplit(".", 1)[-1] if names else "value"
        if name in _NOT_A_NAME:
            name = "value"
    count = sum(1 for known in taken if known.rstrip("0123456789") == name)
    return f"{name}{count + 1}" if count else name
