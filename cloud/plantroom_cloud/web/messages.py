"""What there is to translate: the texts of templates, of the program and of its scripts."""

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
from plantroom_cloud.web.device_texts import of_answers, of_device, of_profile
from plantroom_cloud.web.marking import Marking
from plantroom_cloud.web.program_texts import PROSE, WORD, is_code, of_program

#: What looks like code by a part of it, and is said to people in a template: "First-time fix", "4 to 8 digits; …".
_SAID = re.compile(r"[A-Z][a-z]*[- ].*[a-z]|\d+ [a-z]+ ")
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
        elif isinstance(call.node, nodes.Name) and call.node.name == "ngettext":
            yield from (str(form.value) for form in call.args[:2] if isinstance(form, nodes.Const))
    for found in tree.find_all(nodes.Filter):
        if found.name == "worded" and found.node is not None:
            yield from _consts(found.node, False)
    for assigned in tree.find_all(nodes.Assign):
        yield from _consts(assigned.node, True)
    for loop in tree.find_all(nodes.For):
        for listed in loop.iter.find_all(nodes.Tuple):  # key and text
            yield from _consts(listed.items[-1], False)
        yield from _consts(loop.iter, True)


class _I18n(Extension):
    """Nothing of its own: a place for what parsing needs."""


def _consts(node: nodes.Node, strict: bool) -> Iterator[str]:
    match node:
        case nodes.Const(value=str(text)):
            if WORD.search(text) and (not is_code(text) or _SAID.match(text)) and (not strict or PROSE.search(text)):
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
            if isinstance(node.node, nodes.Name) and node.node.name in ("gettext", "ngettext", "_"):
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


def of_script(source: str) -> Iterator[str]:
    """What a script says through `tr("…")`."""
    for found in _CALL_OF_SCRIPT.finditer(source):
        yield found[1][1:-1].replace('\\"', '"')


#: Words of the program that no enumeration and no template holds, by where people read them.
_WORDS = {
    "web/templates/macros.html": (
        *("ok", "silent", "stale", "gateway-offline", "unknown", "online", "offline", "never-seen", "revoked"),
        *("yes", "no", "on shift", "off shift", "on call"),
        *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        *("1 day", "7 days", "30 days", "90 days", "365 days", "15 minutes", "1 hour", "2 hours", "8 hours"),
        *("corrective", "preventive", "inspection", "patrol", "fault", "begun", "ended", "local", "heard", "connected"),
        *("granted", "denied", "command", "forced", "opened", "not-opened", "unconfirmed", "refused", "in", "out"),
        *("pump", "reader", "scale", "scanner", "air-handler", "fridge", "gate", "transformer", "ups", "water-meter"),
        *("access-zone.remove", "access-hours.remove", "access-group.remove", "access-person.remove"),
        *("access-holiday.remove",),
        *("Not Found", "Method Not Allowed", "to no team", "dispatch", "evaluate", "file", "join", "note", "offer"),
        *(
            "remove file",
            "request",
            "start",
            "system",
            "timer stopped",
            "downtime ended",
            "downtime struck out",
            "finding",
        ),
        *(
            "released",
            "reviewed",
            "cancelled",
            "explained",
            "label printed",
            "off manifest",
            "on manifest",
            "written off",
        ),
        *("weighed again", "weight taken back", "discarded", "requester", "site_id", "name", "amount", "quantity"),
        *(
            "movement",
            "hours",
            "minutes",
            "activity",
            "minimum",
            "stock",
            "unit_cost",
            "weekly_hours",
            "group",
            "repeat",
        ),
        *("starts_at", "ends_at", "origin", "timezone", "code", "write a time like 2026-03-10T14:30"),
        *("rules", "draft", "create", "update", "delete"),
        *("month", "site", "priority", "team", "response", "restoration", "E-mail"),
        *("gateway", "meter", "away", "contradictory", "5 minutes", "4 hours", "1 week", "login", "pin", "further"),
        *("telemetry", "events", "weighed", "signed", "any", "all", "system"),
    ),
    "web/static/js/chart.js": ("raised", "returned", "limit"),
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
    *(
        "migrations/",
        "web/messages",
        "web/program_texts",
        "web/device_texts",
        "language.py",
        "web/marking",
        "cli.py",
        "serve.py",
        "config.py",
        "database.py",
    ),
    *("backup.py", "migration.py", "logs.py", "metrics.py", "columns.py", "labels.py", "telemetry/influx"),
    *("telemetry/sqlite", "telemetry/store", "gateways/broker", "gateways/certificate", "gateways/enrolment"),
    *("ingest/loop", "ingest/partition", "stream/changes", "files/answer"),
    *(f"shared/plantroom_shared/{name}" for name in ("mistake", "document", "said", "cancellation", "backoff")),
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
        (package.parents[1] / "edge/plantroom_edge/health", "*.py", of_device),
        (package.parents[1] / "edge/plantroom_edge/drivers", "profile.py", of_device),
        (package.parents[1] / "edge/plantroom_edge/drivers/modbus_relay_barrier", "[gw]at*.py", of_program),
        (package.parents[1] / "edge/plantroom_edge/drivers", "driver.py", of_answers),
        (package.parents[1] / "edge/plantroom_edge/drivers", "command.py", of_answers),
        (package.parents[1] / "edge/plantroom_edge/commands", "executor.py", of_program),
        (package.parents[1] / "edge/plantroom_edge/access", "desk.py", of_program),
        (package.parents[1] / "configs/profiles", "*.yaml", of_profile),
        (package / "waste", "default_rules.yaml", of_profile),
    )
    for folder, names, read in readers:
        for path in sorted(folder.rglob(names)):
            place = path.relative_to(package if path.is_relative_to(package) else package.parents[1]).as_posix()
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
