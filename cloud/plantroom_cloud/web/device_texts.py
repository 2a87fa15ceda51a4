"""What profiles and gateways call their metrics, states, actions and alarms, and what drivers answer."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import yaml

from plantroom_cloud.web.program_texts import called, is_prose, text_of

#: Of a profile or of rules in YAML, what people read.
_READ_OF_PROFILE = {"label", "name", "cause", "consequence", "response"}


def of_profile(source: str) -> Iterator[str]:
    """What a profile calls its metrics, actions, states and alarms, and says of them; what waste rules call theirs."""
    yield from _of_document(yaml.safe_load(source))


def _of_document(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for each in document:
            yield from _of_document(each)
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        if key in _READ_OF_PROFILE and isinstance(value, str):
            yield value
            if "key" in document and "cause" not in document:  # a stage of waste stands within sentences, too
                yield value.lower()
        elif key == "states" and isinstance(value, dict):
            yield from (str(state) for state in value.values())
        else:
            yield from _of_document(value)


def of_device(source: str) -> Iterator[str]:
    """What the gateway calls its own metrics, states and alarms, and those of devices that have no profile."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in _READ_OF_PROFILE:
            text = text_of(node.value)
            if text and not re.fullmatch(r"[a-z_]+(%\(\w+\)s)?", text):  # the name of a metric
                yield text
        elif isinstance(node, ast.keyword) and node.arg == "states" and isinstance(node.value, ast.Dict):
            yield from filter(None, map(text_of, node.value.values))
        elif isinstance(node, ast.Assign) and (text := text_of(node.value)).endswith("."):
            yield text


def of_answers(source: str) -> Iterator[str]:
    """What a driver answers to a command: a state and what stands behind it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and called(node) in ("Outcome", "Answer", "CommandError", "RefusedError"):
            yield from filter(is_prose, map(text_of, node.args))
