"""Forms tell a mistake where it was made: by the script (data-here), or on a page that is written for it."""

import re
from pathlib import Path

import pytest

import plantroom_cloud
from plantroom_cloud.web.here import named

TEMPLATES = sorted((Path(plantroom_cloud.__file__).parent / "web/templates").glob("*.html"))
_FORM = re.compile(r"<form(?:\{\{.*?\}\}|\{%.*?%\}|[^>{]|\{(?![{%]))*>")
#: Pages that answer a form themselves, with the mistake beside the field and all that was typed.
LONG = {
    *("access_person", "access_rights", "account", "asset_form", "assets", "calendar", "checklist", "levels", "login"),
    *("new_work_order", "patrol_point", "patrol_route", "plan_form", "request", "request_followed", "requests", "rule"),
    *("sla_policy", "teams", "user", "waste_collect", "waste_settings"),
}
#: Buttons that ask for nothing.
BARE = {"layout": "the language, and to log out"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_short_forms_are_told_in_place(template: Path) -> None:
    forms = [tag for tag in _FORM.findall(template.read_text()) if 'method="post"' in tag]
    left = [tag for tag in forms if "data-here" not in tag]
    assert not left or template.stem in LONG | set(BARE), f"{template.name}: answer these in place: {left}"


@pytest.mark.parametrize(
    ("detail", "told", "found"),
    [
        ("amount: 'x' is no number", "amount: 'x' is no number", {"amount": "'x' is no number"}),
        ("amount: 0.01 to 5", "金额：0.01 至 5", {"amount": "0.01 至 5"}),
        ("to: lies in the future: wait", "to: lies in the future: wait", {"to": "lies in the future: wait"}),
        ("there is no part 'x'", "there is no part 'x'", {}),
        ("Work order: gone", "Work order: gone", {}),
    ],
)
def test_the_field_that_a_mistake_names(detail: str, told: str, found: dict[str, str]) -> None:
    assert named(detail, told) == found
