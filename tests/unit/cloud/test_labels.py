"""Label sheets, read back by a reader that shares no code with what made them."""

import io

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plantroom_cloud.labels import SHEETS, Label, sheet_pdf, symbol
from plantroom_shared.patrol_code import new_key, rotating_code, static_code

DPI = 200


def pages(pdf: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=DPI / 72).to_pil().convert("L") for page in document]


def read(image: Image.Image) -> list[str]:
    """The codes of a page in reading order."""
    found = zxingcpp.read_barcodes(image)
    return [code.text for code in sorted(found, key=lambda c: (c.position.top_left.y // 40, c.position.top_left.x))]


@pytest.mark.parametrize("name", SHEETS)
def test_every_label_of_a_sheet_is_read_back_in_order(name: str) -> None:
    count = SHEETS[name].columns * SHEETS[name].rows + 2
    codes = [static_code(f"point-{number}", new_key()) for number in range(count)]
    labels = [Label(code, f"Point {n}", ["Basement, east", "static"]) for n, code in enumerate(codes)]
    sheets = pages(sheet_pdf(labels, SHEETS[name], "Labels"))
    assert len(sheets) == 2
    assert [code for sheet in sheets for code in read(sheet)] == codes


def test_names_in_any_script_are_printed_and_do_not_cover_the_code() -> None:
    titles = ["Heizungskeller Süd", "Котельная № 2", "锅炉房", "A" * 300, "name " * 90]
    labels = [Label(static_code(f"p-{n}", new_key()), title, [title]) for n, title in enumerate(titles)]
    pdf = sheet_pdf(labels, SHEETS["8-per-sheet"], "Labels")
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_bounded()
    for title in titles[:3]:
        assert title in text
    [sheet] = pages(pdf)
    assert read(sheet) == [label.code for label in labels]


@settings(max_examples=25, deadline=None)
@given(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,23}\Z"), st.integers(0, 2**32 - 1))
def test_the_longest_codes_are_read_back(point: str, window: int) -> None:
    code = rotating_code(point, new_key(), window)
    picture = io.BytesIO()
    symbol(code).save(picture, kind="png", scale=4, border=4)
    assert read(Image.open(picture).convert("L")) == [code]
