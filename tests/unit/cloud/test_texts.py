"""No text of a page is without its Chinese, and none of a page can be forgotten."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import plantroom_cloud
from plantroom_cloud import language
from plantroom_cloud.costs.models import Activity
from plantroom_cloud.language import CHINESE, ENGLISH, PLACEHOLDER, Reader, preferred, worded, written_for
from plantroom_cloud.patrols.models import StopState
from plantroom_cloud.web.marking import mark, pieces
from plantroom_cloud.web.messages import NOT_FOR_PEOPLE, messages, of_script, of_template
from plantroom_cloud.web.program_texts import bare_errors, of_program
from plantroom_cloud.workorders.service import HOLD_REASONS
from tests.unit.cloud.script_literals import bare_texts, unknown_calls

PACKAGE = Path(plantroom_cloud.__file__).parent
TEMPLATES = sorted((PACKAGE / "web/templates").glob("*.html"))
SCRIPTS = sorted((PACKAGE / "web/static/js").glob("*.js"))
#: Reads like prose, and nobody reads it on a page: a selector, a font, what the audit log keeps.
NOT_READ = {"input, textarea", "italic 48px serif", "from the page"}


@pytest.fixture
def _undisturbed() -> Iterator[None]:
    """A collection in the middle of ast.parse() makes CPython 3.11 stumble (its issue 106905)."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_undisturbed")
def test_every_text_of_pages_scripts_and_the_program_is_translated() -> None:
    known = language.catalogue(CHINESE)
    wanted = messages(PACKAGE)
    assert len(wanted) > 2000, "the finder finds less than there is"
    missing = [f"{', '.join(places)}: {text}" for text, places in wanted.items() if text not in known]
    assert not missing, "say these in zh_Hans_CN/LC_MESSAGES/plantroom.po:\n" + "\n".join(missing)


@pytest.mark.usefixtures("_undisturbed")
def test_no_error_is_raised_with_words_that_were_put_together_before() -> None:
    bare = [
        f"{path.relative_to(PACKAGE)}, {place}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.relative_to(PACKAGE).as_posix().startswith(NOT_FOR_PEOPLE)
        for place in bare_errors(path.read_text())
    ]
    assert not bare, 'write said("… %(name)s …", name=…):\n' + "\n".join(bare)


def test_a_bare_error_is_found() -> None:
    assert list(bare_errors('raise NotFoundError(f"there is no site {site_id}")')) == [
        "line 1: there is no site %(site_id)s"
    ]
    assert list(bare_errors('raise NotFoundError(said("there is no site %(site_id)s", site_id=site_id))')) == []


def test_no_translation_is_fuzzy_and_placeholders_are_the_same() -> None:
    with language.path(CHINESE).open("rb") as file:
        found = [message for message in read_po(file) if message.id and message.string]
    assert found
    assert not [message.id for message in found if message.fuzzy]
    for message in found:  # `s` is an English plural's ending
        said, english = (
            {m[0] for m in PLACEHOLDER.finditer(str(text))} - {"%(s)s"} for text in (message.string, message.id)
        )
        assert said == english, message.id
        assert "%" not in PLACEHOLDER.sub("", str(message.string)).replace("%%", "") or "%(" not in str(message.id)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_templates_come_apart_and_together_again(template: Path) -> None:
    source = template.read_text()
    assert "".join(piece.source for piece in pieces(source)) == source
    bare = [text for text in of_template(source) if not text.strip()]
    assert not bare


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>{{ n }} open alarm{{ 's' if n > 1 }}, none urgent</p>", ["%(n)s open alarm%(s)s, none urgent"]),
        ('<b aria-label="Revoke {{ t.name }}" class="btn">x</b>', ["Revoke %(name)s"]),
        ("{{ m.field('old', 'Present password', hint='At least 10.') }}", ["Present password", "At least 10."]),
        ("<p>{{ name or 'nobody yet' }} · {{ place }}</p>", ["nobody yet"]),
        ("<code>plantroom-cloud gateway add</code><script>let a = 1</script>", []),
        ("<p>At 100 % of it</p>", ["At 100 %% of it"]),
    ],
)
def test_texts_of_a_template_are_found_without_a_mark(source: str, found: list[str]) -> None:
    assert list(of_template(source)) == found


def test_what_people_typed_into_a_field_stays() -> None:
    source = '<input value="{{ value }}"><textarea>{{ note or "" }}</textarea>'
    assert mark(source) == source


def test_texts_of_the_program_and_its_scripts_are_found() -> None:
    assert list(of_program('raise NotFoundError(f"there is no site {site_id!r}")')) == ["there is no site %(site_id)s"]
    assert list(of_program('"""A docstring here."""\nlog.info("not for people")')) == []
    assert list(of_script('note.textContent = tr("No %(what)s came.", {what})')) == ["No %(what)s came."]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_script_says_what_nobody_can_translate(script: Path) -> None:
    source = script.read_text()
    bare = [text for text in bare_texts(source) if text not in NOT_READ]
    assert not bare, f'{script.name}: say these as tr("…"): {bare}'
    assert not list(unknown_calls(source)), f"{script.name}: give tr named placeholders instead"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('note.textContent = yes ? "online" : tr("no network")', ["online"]),
        ('line.append(make("span", "badge bg-red-lt", `due ${day(at)}`))', ["due"]),
        ('button.setAttribute("aria-label", step.label + ": answer")', [": answer"]),
        ('throw new Error("the camera is gone")', ["the camera is gone"]),
        ('say([late ? "late" : "", why].filter(Boolean).join(", "))', ["late"]),
        ('const STEPS = {claim: {text: "Take it over"}, done: {text: "Done"}}', ["Take it over", "Done"]),
        ('say(tr("Reported"), error.name === "NotAllowedError" ? tr("No camera") : "", STEPS["In words"])', []),
        ('make("div", "card mb-3", task.title); fetch("/api/v1/my"); on("click", "[data-step] button")', []),
    ],
)
def test_bare_texts_of_a_script_are_found_and_its_own_words_are_not(source: str, found: list[str]) -> None:
    assert list(bare_texts(source)) == found


def test_calls_that_no_catalogue_can_hold_are_found() -> None:
    assert list(unknown_calls('tr("a" + name); tr(`of ${n}`); tr(task.state); tr("fits")')) == [
        '"a" + name',
        "`of ${n}`",
    ]


def test_words_that_scripts_say_by_their_value_are_theirs() -> None:
    said = language.script_texts(CHINESE)
    words = {*HOLD_REASONS, *StopState, *Activity, "critical", "high", "medium", "low", "out-of-order", "implausible"}
    assert not [word for word in sorted(map(str, words)) if word not in said]


def test_states_and_what_was_put_together_are_translated_and_words_of_people_stay() -> None:
    with written_for(Reader(CHINESE)):
        assert worded("in-progress") == "处理中"
        assert worded("name or password is wrong") == "用户名或密码错误"
        assert worded("there is no site 'x'") == "没有站点 'x'"
        assert worded("Pump bearing hot: gw-1.pump-1") == "水泵轴承过热：gw-1.pump-1"
        assert (
            worded("complete: 9 of 9 points visited; late: Roof, Yard")
            == "完成：9 个巡检点中已到达 9 个；逾期：Roof, Yard"
        )
        assert worded("it is locked down; lift the lock-down first") == "已封锁；请先解除封锁"
        for own in (
            *("Pump 3, Haus B", "Worn bearing or lack of grease.", "2 of 3 at the gate", "parts: ordered"),
            *("Door 3 is not connected to anything", "note: ask Eva first; she knows"),
        ):
            assert worded(own) == own
    assert worded("in-progress") == "in-progress"


def test_the_browser_says_which_language_is_preferred() -> None:
    assert preferred("zh-CN,zh;q=0.9,en;q=0.8") == CHINESE
    assert preferred("de, en;q=0.7, zh;q=0.3") == ENGLISH
    assert preferred("en;q=0.1, zh;q=0.9") == CHINESE
    assert preferred("") == preferred("zh;q=nonsense") == preferred("zh;q=0") == ENGLISH


def test_dates_numbers_and_spans_are_those_of_the_locale_and_the_zone() -> None:
    at = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
    with written_for(Reader(CHINESE, "Asia/Shanghai")):
        assert language.moment(at) == "2026年11月26日 02:05:00"
        assert language.span(5, "min") == "5分钟"
        assert language.decimal(12345.5, 2) == "12,345.50"
    with written_for(Reader(ENGLISH, "Europe/Berlin")):
        assert "7:05" in language.moment(at)
        assert language.span(5, "min") == "5 min"
        assert language.decimal(12345) == "12 345"
