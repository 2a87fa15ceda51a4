"""Somebody scans a label, reports without a login, follows it and says how it was; assets on their pages."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from plantroom_cloud.assets.table import read_table
from tests.browser.building import Building, furnish
from tests.browser.conftest import DESK, PHONE, visit

TABLE = b"""\
code,name,kind,site,parent,class,maker,model,warranty
B1,Main building,building,main,,,,,
R1,Plant room,room,main,B1,,,,
P1,Chilled-water pump 1,equipment,main,R1,pump,Acme,C200,2020-01-01
"""


def _large_photo() -> bytes:
    """As a phone takes it: far more than a request may have."""
    out = BytesIO()
    Image.effect_noise((2400, 1800), 60).convert("RGB").save(out, "JPEG", quality=95)
    assert len(out.getvalue()) > 2_000_000
    return out.getvalue()


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    yield building
    building.stop()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_a_request_from_the_label_to_the_evaluation(
    browser: Browser, building: Building, width: int, scheme: str
) -> None:
    services = building.services
    with services.database.write() as session:
        site = services.sites.list(session)[0].id
        table = TABLE.replace(b"main,", site.encode() + b",")
        assert services.assets.take_in(session, read_table("t", table), [], building.now(), dry_run=False)[2] == []
    with services.database.write() as session:
        pump = next(asset for asset in services.assets.list(session) if asset.code == "P1")
        services.assets.bind(session, pump, "gw-a.pump-1", "anna", building.now())
        label = services.assets.label(session, pump)

    context, somebody = visit(browser, building.url, width, scheme)
    page = somebody.page
    assert somebody.open(f"/r/{label}") == 200
    expect(page.get_by_text("Main building · Plant room")).to_be_visible()
    page.fill("#what", "It drips on the floor")
    page.fill("#contact", "Zoe, 12 34")
    page.set_input_files("#photo", [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": _large_photo()}])
    somebody.check()
    page.click("#send")
    page.wait_for_url("**/r/follow/**")
    expect(page.locator("#said")).to_have_text("We have it, and will look at it soon.")
    following = page.url
    assert somebody.open("/r/A1-WRONG") == 404

    staff_context, staff = visit(browser, building.url, width, scheme)
    staff.log_in()
    for path in ("/assets", f"/assets/{pump.id}", f"/assets/{pump.id}/edit", "/assets/new"):
        assert staff.open(path) == 200
        staff.check()
    staff.open(f"/assets/{pump.id}")
    expect(staff.page.locator("a[href='/devices/gw-a.pump-1']")).to_have_text(pump.name)
    staff.page.get_by_role("link", name="It drips on the floor").click()
    expect(staff.page.locator("#facts")).to_contain_text("Zoe, 12 34")
    picture = staff.page.locator("#files").get_by_role("img", name="photo.jpg")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1600
    staff.page.click("#step-approve")
    staff.settle()
    staff.page.click("#step-claim")
    staff.settle()
    staff.page.click("#step-accept")
    staff.settle()
    staff.page.click("#step-start")
    staff.settle()
    staff.page.fill("#note", "new seal")
    staff.page.click("#step-complete")
    staff.settle()
    expect(staff.page.locator("#state")).to_contain_text("closed")
    staff.check()
    staff_context.close()

    page.goto(following)
    expect(page.locator("#said")).to_have_text("It is done.")
    page.get_by_role("button", name="4 of 5").click()
    expect(page.locator("#rated")).to_contain_text("4 of 5")
    context.close()


def test_a_wrong_table_is_told_line_by_line(browser: Browser, building: Building) -> None:
    context, staff = visit(browser, building.url, DESK)
    staff.log_in()
    staff.open("/assets")
    wrong = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"code,name,kind,site\n,x,machine,nowhere\n"}
    staff.page.set_input_files("#file", [wrong])
    staff.page.click("#take-in")
    expect(staff.page.get_by_text("line 2: kind 'machine'")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_manual_is_kept_with_its_machine(browser: Browser, building: Building, width: int) -> None:
    services = building.services
    with services.database.write() as session:
        site = services.sites.list(session)[0].id
        table = TABLE.replace(b"main,", site.encode() + b",")
        assert services.assets.take_in(session, read_table("t", table), [], building.now(), dry_run=False)[2] == []
    with services.database.read() as session:
        pump = next(asset for asset in services.assets.list(session) if asset.code == "P1").id
    context, staff = visit(browser, building.url, width)
    staff.log_in()
    assert staff.open(f"/assets/{pump}") == 200
    page, documents = staff.page, staff.page.locator("#documents")
    expect(documents).to_contain_text("Manuals, drawings and certificates stand here.")
    page.click("#add-document")
    expect(documents).to_contain_text("choose a file, or say a link")
    assert len(staff.errors) == 1  # the browser's own word about the 422
    staff.errors.clear()
    manual = {"name": "C200.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7" + b"x" * 3_000_000}
    page.set_input_files("#document-file", [manual])
    page.get_by_label("Title").fill("Manual of the pump")
    page.click("#add-document")
    expect(documents.get_by_role("link", name="Manual of the pump")).to_be_visible()
    expect(documents).to_contain_text("PDF · 3001 kB")
    with page.expect_download() as download:
        page.get_by_role("link", name="Manual of the pump").click()
    assert download.value.path().read_bytes() == manual["buffer"]
    staff.check()
    page.get_by_role("button", name="Remove Manual of the pump").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(documents).to_contain_text("Manuals, drawings and certificates stand here.")
    context.close()
