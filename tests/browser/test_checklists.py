"""A manager writes a checklist, a technician works through it on his phone; a fail opens a follow-up order."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.building import Building, furnish
from tests.browser.conftest import DESK, PHONE, visit

STEPS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("check", "Seal dry", {"follow_up": "high"}),
    ("number", "Pressure", {"low": "2", "high": "4", "unit": "bar"}),
    ("choice", "Noise", {"choices": "none\nsome\nloud", "failing": "loud"}),
    ("text", "Remarks", {"required": "no"}),
    ("photo", "Photo of the seal", {}),
    ("meter", "Bearing", {"metric": "bearing_temperature", "tolerance": "500", "unit": "°C"}),
    ("signature", "Signed", {}),
)


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    yield building
    building.stop()


def _picture(colour: str = "teal") -> bytes:
    out = BytesIO()
    Image.new("RGB", (800, 600), colour).save(out, "JPEG")
    return out.getvalue()


def _write(page: Page) -> None:
    """A template with all kinds of steps."""
    page.fill("#name", "Pump service")
    for number, (kind, label, more) in enumerate(STEPS):
        if number:
            page.click("#add-step")
        row = page.locator("[data-row]").nth(number)
        row.locator('[name="step-kind"]').select_option(kind)
        row.locator('[name="step-label"]').fill(label)
        for field, value in more.items():
            target = row.locator(f'[name="step-{field}"]')
            if field in ("follow_up", "required"):
                target.select_option(value)
            else:
                target.fill(value)


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_a_template_is_written_by_keyboard(browser: Browser, building: Building, width: int, scheme: str) -> None:
    context, staff = visit(browser, building.url, width, scheme)
    page = staff.page
    staff.log_in()
    assert staff.open("/checklists") == 200
    expect(page.get_by_text("No checklist yet")).to_be_visible()
    page.click("#new-checklist")
    _write(page)
    staff.check()
    labels = page.locator('[data-row] [name="step-label"]')
    page.locator("[data-row]").nth(1).locator("[data-up]").focus()
    page.keyboard.press("Enter")
    expect(labels.first).to_have_value("Pressure")
    assert page.evaluate("document.activeElement.closest('[data-row]') === document.querySelector('[data-row]')")
    page.locator("[data-row]").first.locator("[data-down]").press("Enter")
    expect(labels.first).to_have_value("Seal dry")
    page.locator("[data-row]").nth(3).locator("[data-away]").press("Enter")
    assert labels.count() == len(STEPS) - 1
    page.locator("[data-row]").nth(1).locator('[name="step-low"]').fill("9")
    page.click("#save")
    expect(page.get_by_text("the lower limit 9 is above the upper one 4")).to_be_visible()
    staff.errors.clear()  # the browser notes the refusal
    page.locator("[data-row]").nth(1).locator('[name="step-low"]').fill("2,5")
    page.click("#save")
    page.wait_for_url("**/checklists")
    page.get_by_role("link", name="Pump service").click()
    expect(page.locator("[data-row]").nth(1).locator('[name="step-low"]')).to_have_value("2.5")
    expect(page.locator("[data-row]").nth(2).locator('[name="step-failing"]')).to_have_value("loud")
    staff.check()
    context.close()


def test_a_checklist_is_answered_by_thumb(browser: Browser, building: Building) -> None:
    manager_context, manager = visit(browser, building.url, DESK)
    manager.log_in()
    manager.open("/checklists/new")
    _write(manager.page)
    manager.page.click("#save")
    manager.page.wait_for_url("**/checklists")
    with building.services.database.write() as session:
        site = building.services.sites.list(session)[0].id
        order = building.services.work_orders.create(
            session, "Service pump 1", "", site, "gw-a.pump-1", "medium", None, "anna", building.now()
        )

    context, tom = visit(browser, building.url, PHONE)
    tom.log_in("tom")
    tom.open(f"/work-orders/{order.id}")
    page = tom.page
    page.click("#attach")
    page.wait_for_url("**#checklists")
    page.click("#step-claim")
    page.click("#step-accept")
    page.click("#step-start")
    page.click("#step-complete")
    expect(page.get_by_text("6 required steps of its checklist not answered yet: Seal dry; Pressure")).to_be_visible()
    tom.open(f"/work-orders/{order.id}")
    steps = page.locator("[data-step]")
    expect(page.locator("#checklist-missing")).to_contain_text("6 required steps")

    steps.nth(0).get_by_role("button", name="Not all right").click()
    follow_up = steps.nth(0).get_by_role("link", name="Follow-up #")
    expect(follow_up).to_be_visible()
    expect(steps.nth(0)).to_contain_text("✗ failed")
    manager.open(f"/work-orders/{order.id}")
    expect(manager.page.locator("[data-step]").nth(0)).to_contain_text("✗ failed")

    steps.nth(1).locator("[data-number]").fill("four")
    steps.nth(1).locator("[data-save]").click()
    expect(steps.nth(1)).to_contain_text("Write a number")
    steps.nth(1).locator("[data-number]").fill("3,2")
    steps.nth(1).locator("[data-number]").press("Enter")
    expect(steps.nth(1)).to_contain_text("✓ passed")
    expect(steps.nth(1)).to_contain_text("3.2 bar")
    expect(manager.page.locator("[data-step]").nth(1)).to_contain_text("3.2 bar")  # live, on another's page
    steps.nth(2).get_by_role("button", name="loud").click()
    expect(steps.nth(2)).to_contain_text("the answer was 'loud'")
    steps.nth(2).locator("summary", has_text="Answer again").click()
    steps.nth(2).get_by_role("button", name="some").click()
    expect(steps.nth(2)).to_contain_text("✓ passed")
    steps.nth(3).locator("summary").click()
    steps.nth(3).get_by_role("button", name="Does not apply").click()
    expect(steps.nth(3)).to_contain_text("Say why")
    steps.nth(3).locator("[data-note]").fill("nothing to say")
    steps.nth(3).get_by_role("button", name="Does not apply").click()
    expect(steps.nth(3).locator(".badge")).to_have_text("does not apply")
    steps.nth(4).locator("[data-photo]").set_input_files(
        [{"name": "seal.jpg", "mimeType": "image/jpeg", "buffer": _picture()}]
    )
    expect(steps.nth(4).locator("img")).to_be_visible()
    steps.nth(4).locator("summary", has_text="Answer again").click()
    steps.nth(4).locator("[data-photo]").set_input_files(
        [{"name": "more.jpg", "mimeType": "image/jpeg", "buffer": _picture("maroon")}]
    )
    expect(steps.nth(4).locator(".check-answer > a img")).to_have_count(2)
    expect(steps.nth(4).locator(".check-before")).to_contain_text("Answered 2 times")
    expect(steps.nth(5)).to_contain_text("Telemetry:")
    steps.nth(5).locator("[data-number]").fill("55")
    tom.check()
    context.set_offline(True)
    steps.nth(5).locator("[data-save]").click()
    expect(steps.nth(5)).to_contain_text("Not sent yet")
    context.set_offline(False)
    expect(steps.nth(5)).to_contain_text("✓ passed")
    tom.errors.clear()  # of the time without network
    canvas = steps.nth(6).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 30, steps=5)
    page.mouse.up()
    steps.nth(6).get_by_role("button", name="Sign").click()
    expect(steps.nth(6).locator("img")).to_be_visible()
    expect(page.locator("[data-progress]")).to_have_text("7 of 7, 1 failed")
    expect(page.locator("#checklist-missing")).to_be_hidden()
    tom.check()

    with building.services.database.read() as session:
        [listed] = building.services.checklists.of_order(session, order.id or 0, building.now())
        signature = building.services.photos.get(session, listed.steps[6].answers[0].value)
        drawn = Image.open(BytesIO(signature.content)).convert("L")
        shades = set(drawn.tobytes())
        assert min(shades) < 40  # a dark line
        assert max(shades) == 255  # on white

    files = [("report.pdf", "application/pdf", b"%PDF-1.7"), ("page.html", "text/html", b"<p>hello")]
    page.set_input_files(
        "#new-files", [{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files]
    )
    page.click("#add-files")
    expect(page.locator("#files")).to_contain_text("page.html.txt")
    tom.check()
    page.click("#step-complete")
    expect(page.locator("#state")).to_contain_text("closed")
    page.get_by_role("link", name="Follow-up #").click()
    expect(page.locator("#follows")).to_contain_text(f"Seal dry failed on #{order.id}")
    tom.check()
    context.close()
    manager_context.close()
