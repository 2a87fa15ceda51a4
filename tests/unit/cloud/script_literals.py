"""Texts that a script shows without `tr("…")`, found in its syntax tree.

A literal is shown where it flows into what people read or hear (`textContent`, an `aria-label`, the text of `make`, of
`say`, of an Error), and prose is shown wherever it stands: words with blanks between them, or one with a capital.
"""

import re
from collections.abc import Iterator

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_javascript.language()))

#: What is assigned to these is read.
_SHOWN = {"textContent", "innerText", "title", "placeholder", "alt", "ariaLabel", "label"}
_SHOWN_ATTRIBUTES = {"aria-label", "title", "placeholder", "alt"}
#: Calls that show some of their arguments: which ones.
_CALLS = {
    "make": (2,),
    "say": (0, 1),
    "ask": (0, 1, 2),
    "field": (1,),
    "problem": (0, 1),
    "trouble": (0,),
    "alert": (0,),
    "confirm": (0,),
    "dismissable": (0,),
    "append": (0, 1, 2, 3),
    "Option": (0,),
    "Error": (0,),
    "showNotification": (0,),
}
#: Calls that make an array's texts to one, or choose among them.
_THROUGH = {"join", "filter", "concat", "flat", "slice", "at"}
_COMPARISONS = {"===", "!==", "==", "!=", "in", "instanceof", "<", ">"}
_WORD = re.compile(r"[^\W\d_]{2}")
_PROSE = re.compile(r"^[A-Z][a-z]+$|[A-Za-z]{2,}[,.:;!?]* +[A-Za-z]{2,}|^[A-Z][a-z]+ ")
#: Programs' own words: class names, selectors, paths, headers, names of events and of errors.
_CODE = re.compile(r"[\w]-[\w]|[\[\]#<>={}]|^\.|/\w|::|\w\.\w|:\w|[a-z][A-Z]|\w_\w")


def bare_texts(source: str) -> Iterator[str]:
    """The texts of a script that nobody can translate, in order."""
    tree = _PARSER.parse(source.encode())
    assert not tree.root_node.has_error, "the script is not understood"
    for node in _literals(tree.root_node):
        text = " ".join(_text(child) for child in node.named_children if child.type == "string_fragment").strip()
        if _WORD.search(text) and not _unread(node) and (_shown(node) or _is_prose(text)):
            yield text


def unknown_calls(source: str) -> Iterator[str]:
    """What `tr` is given that is put together: no catalogue holds it."""
    for node in _walk(_PARSER.parse(source.encode()).root_node):
        if node.type == "call_expression" and _name(node) == "tr":
            first = _arguments(node)[0]
            if first.type == "binary_expression" or any(
                c.type == "template_substitution" for c in first.named_children
            ):
                yield _text(first)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from _walk(child)


def _literals(root: Node) -> Iterator[Node]:
    return (node for node in _walk(root) if node.type in ("string", "template_string"))


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _is_prose(text: str) -> bool:
    return bool(_PROSE.search(text)) and not _CODE.search(text)


def _arguments(call: Node) -> list[Node]:
    found = call.child_by_field_name("arguments")
    return [child for child in found.named_children if child.type != "comment"] if found is not None else []


def _name(call: Node) -> str:
    """Of what is called, or made anew."""
    called = call.child_by_field_name("function") or call.child_by_field_name("constructor")
    if called is None:
        return ""
    member = called.child_by_field_name("property")
    return _text(member if member is not None else called)


def _unread(node: Node) -> bool:
    """Said by `tr`, compared, a key or a case."""
    parent = node.parent
    if parent is None:
        return True
    match parent.type:
        case "binary_expression":
            operator = parent.child_by_field_name("operator")
            return operator is not None and operator.type in _COMPARISONS
        case "subscript_expression" | "switch_case" | "import_statement":
            return True
        case "pair":
            return parent.child_by_field_name("key") == node
        case "arguments":
            call = parent.parent
            return call is not None and _name(call) == "tr" and _arguments(call)[0] == node
    return False


def _shown(node: Node) -> bool:
    """Whether its text flows to where people read it."""
    child, parent = node, node.parent
    while parent is not None:
        match parent.type:
            case "ternary_expression":
                if parent.child_by_field_name("condition") == child:
                    return False
            case "assignment_expression":
                left = parent.child_by_field_name("left")
                member = left.child_by_field_name("property") if left is not None else None
                return member is not None and _text(member) in _SHOWN and left != child
            case "arguments":
                call = parent.parent
                return call is not None and _is_shown_argument(call, child)
            case "member_expression":  # [ … ].filter(Boolean).join(", ")
                call = parent.parent
                if call is None or call.type != "call_expression" or _name(call) not in _THROUGH:
                    return False
                parent = call
            case "binary_expression":
                operator = parent.child_by_field_name("operator")
                if operator is not None and operator.type in _COMPARISONS:
                    return False
            case (
                "parenthesized_expression" | "template_substitution" | "template_string" | "array" | "await_expression"
            ):
                pass
            case _:
                return False
        child, parent = parent, parent.parent
    return False


def _is_shown_argument(call: Node, argument: Node) -> bool:
    arguments = _arguments(call)
    number = next((n for n, one in enumerate(arguments) if one == argument), -1)
    if _name(call) == "setAttribute":
        return number == 1 and _text(arguments[0]).strip("\"'") in _SHOWN_ATTRIBUTES
    return number in _CALLS.get(_name(call), ())
