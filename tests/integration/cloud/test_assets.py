"""Assets: the tree, tables in and out, what measures what, and requests by the label on the wall."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from plantroom_cloud.assets import signature
from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.assets.service import MOST_BY_ADDRESS, AssetService
from plantroom_cloud.assets.table import COLUMNS, read_table, write_csv, write_xlsx
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError, TooManyRequestsError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TABLE = """\
code,name,kind,site,parent,class,maker,model,serial,criticality,installed,warranty,team,notes
B1,Main building,building,main,,,,,,,,,,
R1,Plant room,room,main,B1,,,,,,,,,
P1,Pump 1,equipment,main,R1,pump,Acme,C200,123,high,2020-05-31,2030-05-31,hvac,"first, of two"
"""


class _House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders = WorkOrderService()
        self.assets = AssetService(SiteService(), UserService(), self.orders, PhotoService())
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.add(Site(id="other", name="Other"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW))
            session.flush()
            for name in ("a", "b"):
                session.add(
                    Device(id=f"gw.{name}", gateway_id="gw", name=name, label=name, profile="p", registered_at=NOW)
                )

    def take_in(self, text: str, sites: tuple[str, ...] = (), *, dry_run: bool = False) -> list[tuple[int, str]]:
        with self.database.write() as session:
            rows = read_table("t", text.encode())
            return list(self.assets.take_in(session, rows, sites, NOW, dry_run=dry_run)[2])

    def asset(self, session: Session, code: str) -> Asset:
        return next(asset for asset in self.assets.list(session, retired=True) if asset.code == code)

    def label(self) -> str:
        with self.database.write() as session:
            return self.assets.label(session, self.asset(session, "P1"))


@pytest.fixture
def house(database: Database) -> _House:
    return _House(database)


def test_a_table_makes_the_tree_and_comes_out_as_it_went_in(house: _House) -> None:
    assert house.take_in(TABLE, dry_run=True) == []
    with house.database.read() as session:
        assert house.assets.list(session) == []
    assert house.take_in(TABLE) == []
    with house.database.read() as session:
        tree = [(depth, asset.code) for depth, asset in house.assets.tree(session)]
        assert tree == [(0, "B1"), (1, "R1"), (2, "P1")]
        pump = house.asset(session, "P1")
        assert [above.code for above in house.assets.path(session, pump)] == ["B1", "R1", "P1"]
        assert pump.warranty_until is not None
        rows = [house.assets.row(session, asset) for asset in house.assets.list(session)]
    for content in (write_csv(rows), write_xlsx(rows)):
        again = [[row.cells[column] for column in COLUMNS] for row in read_table("again", content)]
        assert again == [list(row) for row in rows]
    assert house.take_in(TABLE.replace("Pump 1", "Pump one")) == []
    with house.database.read() as session:
        assert house.asset(session, "P1").name == "Pump one"


@pytest.mark.parametrize("end", ["\r\n", "\r"], ids=["windows", "old-mac"])
def test_a_table_is_read_whatever_ends_its_lines(end: str) -> None:
    assert [row.cells for row in read_table("t", TABLE.replace("\n", end).encode())] == [
        row.cells for row in read_table("t", TABLE.encode())
    ]


def test_a_table_that_no_reader_reads_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidError, match="line 2 of this CSV file"):
        read_table("t", ("code,name,kind,site\n" + "x" * 200_000).encode())


def test_every_mistake_of_a_table_is_told_with_its_line_and_nothing_is_changed(house: _House) -> None:
    wrong = (
        "code,name,kind,site,parent,criticality,installed,team\n"
        ",Nameless,equipment,main,,,,\n"
        "A,A,machine,nowhere,Z,urgent,yesterday,nobody\n"
        "A,Again,equipment,main,,,,\n"
        "C,C,room,main,D,,,\n"
        "D,D,room,main,C,,,\n"
    )
    told = house.take_in(wrong)
    assert [line for line, _ in told] == [2, 3, 3, 3, 3, 3, 3, 4, 5, 6]
    texts = " | ".join(text for _, text in told)
    for part in ("say a short unique code", "use site, building", "'nowhere' is not known", "'Z' is no code"):
        assert part in texts
    for part in ("write a date like", "stands in line 3 too", "lies below 'C' itself", "team 'nobody'", "use critical"):
        assert part in texts
    with house.database.read() as session:
        assert house.assets.list(session) == []
    with pytest.raises(InvalidError, match="no column 'colour' is known; column 'site' is missing"):
        house.take_in("code,name,kind,colour\n")


def test_a_table_reaches_no_site_that_its_owner_does_not_see(house: _House) -> None:
    assert house.take_in(TABLE) == []
    told = house.take_in("code,name,kind,site\nP1,Stolen,equipment,other\n", ("other",))
    assert told == [(2, "code 'P1' belongs to a site that you do not see")]
    assert [line for line, _ in house.take_in(TABLE, ("other",))] == [2, 2, 3, 3, 4, 4]


def test_nothing_stands_in_itself_or_in_what_is_smaller(house: _House) -> None:
    house.take_in(TABLE)
    with house.database.write() as session:
        room, pump = house.asset(session, "R1"), house.asset(session, "P1")
        room.parent_id = pump.id
        with pytest.raises(InvalidError, match="P1 lies below R1 itself"):
            house.assets.save(session, room, NOW)
        session.rollback()
    with house.database.write() as session:
        building = Asset(code="B2", name="B", kind=AssetKind.BUILDING, site_id="main", created_at=NOW)
        building.parent_id = house.asset(session, "R1").id
        with pytest.raises(InvalidError, match="a building does not stand in a room"):
            house.assets.save(session, building, NOW)
        with pytest.raises(ConflictError, match="still has assets in use"):
            house.assets.retire(session, house.asset(session, "R1"), NOW)
        session.rollback()


def test_what_measures_an_asset_has_a_history(house: _House) -> None:
    house.take_in(TABLE)
    with house.database.write() as session:
        house.assets.bind(session, house.asset(session, "P1"), "gw.a", "ann", NOW)
        house.assets.bind(session, house.asset(session, "P1"), "gw.a", "ann", NOW + timedelta(hours=1))
        house.assets.bind(session, house.asset(session, "R1"), "gw.a", "bob", NOW + timedelta(hours=2))
    with house.database.read() as session:
        pump, room = house.asset(session, "P1"), house.asset(session, "R1")
        assert pump.id is not None
        assert room.id is not None
        [before] = house.assets.bindings(session, [pump.id])
        [now] = house.assets.bindings(session, [room.id])
        assert (before.since, before.until, now.until) == (NOW, NOW + timedelta(hours=2), None)
        assert house.assets.of_device(session, "gw.a") == room
    with house.database.write() as session:
        house.assets.retire(session, house.asset(session, "P1"), NOW)
        with pytest.raises(NotFoundError):
            house.assets.unbind(session, house.asset(session, "P1"), "gw.a", NOW)


def test_a_request_by_label_goes_its_way_and_is_evaluated(house: _House) -> None:
    house.take_in(TABLE)
    with house.database.write() as session:
        asset = house.assets.by_label(session, house.assets.label(session, house.asset(session, "P1")).lower())
        with pytest.raises(InvalidError):
            house.assets.request(session, asset, "it drips", " ", b"", "10.0.0.1", NOW)
        link = house.assets.request(session, asset, "It drips\nsince Monday", "Zoe, 12 34", b"", "10.0.0.1", NOW)
    with house.database.write() as session:
        order = house.assets.followed(session, link)
        assert (order.state, order.team_id, order.requester) == (WorkOrderState.REQUESTED, "hvac", "Zoe, 12 34")
        assert order.id is not None
        with pytest.raises(ConflictError):
            house.orders.evaluate(session, order.id, 5, "", NOW)
        house.orders.approve(session, order.id, "dan", NOW)
        house.orders.claim(session, order.id, "ann", NOW)
        house.orders.complete(session, order.id, "new seal", "ann", NOW)
        house.orders.evaluate(session, order.id, 4, "quick", NOW)
        assert (order.state, order.rating, order.rating_note) == (WorkOrderState.CLOSED, 4, "quick")


def test_a_request_of_somebody_with_a_login_is_found_again(house: _House) -> None:
    house.take_in(TABLE)
    rob = User(
        name="rob",
        display_name="Rob",
        email="rob@x.example",
        password_hash="",
        role=Role.REQUESTER,
        created_at=NOW,
    )
    with house.database.write() as session:
        with pytest.raises(InvalidError, match="say what is wrong"):
            house.assets.request_of(session, rob, "main", None, " ", b"", NOW)
        first = house.assets.request_of(session, rob, "main", None, "It is dark\nin the yard", b"", NOW)
        second = house.assets.request_of(session, rob, "main", house.asset(session, "P1"), "It drips", b"", NOW)
        house.assets.request(session, house.asset(session, "P1"), "It smells", "rob", b"", "10.0.0.1", NOW)
        assert [order.id for order in house.orders.requests_of(session, "rob")] == [second.id, first.id]
        assert (first.title, first.state) == ("It is dark", WorkOrderState.REQUESTED)
        assert first.requester == "Rob, rob@x.example"
        assert (second.team_id, second.asset_id) == ("hvac", house.asset(session, "P1").id)
        assert house.assets.followed(session, house.assets.follow_link(session, second)).id == second.id


def test_texts_of_an_asset_have_an_end(house: _House) -> None:
    [told] = house.take_in(f"code,name,kind,site\nA,{'x' * 201},equipment,main\n")
    assert (told[0], str(told[1])) == (2, "name: at most 200 characters")
    asset = Asset(code="A", name="A", kind=AssetKind.ROOM, site_id="main", notes="x" * 5001, created_at=NOW)
    with house.database.write() as session, pytest.raises(InvalidError, match="notes: at most 5000 characters"):
        house.assets.save(session, asset, NOW)


def test_labels_cannot_be_guessed_and_nobody_floods_the_pool(house: _House) -> None:
    house.take_in(TABLE)
    label = house.label()
    with house.database.write() as session:
        asset = house.assets.by_label(session, label)
        for wrong in (
            "",
            "A1",
            f"{label}X",
            label.replace(label[-1], "A" if label[-1] != "A" else "B"),
            "A99-XXXX",
            "A1-ÄÖ",
        ):
            with pytest.raises(NotFoundError):
                house.assets.by_label(session, wrong)
        with pytest.raises(NotFoundError):
            house.assets.followed(session, label)  # a label follows no request
        for _ in range(MOST_BY_ADDRESS):
            house.assets.request(session, asset, "again", "me", b"", "10.0.0.1", NOW)
        with pytest.raises(TooManyRequestsError, match="call instead"):
            house.assets.request(session, asset, "again", "me", b"", "10.0.0.1", NOW)
        house.assets.request(session, asset, "again", "me", b"", "10.0.0.1", NOW + timedelta(hours=1))


@given(st.integers(1, 2**53), st.text(max_size=30), st.sampled_from("AR"))
def test_a_signature_reads_back_and_nothing_else_does(number: int, noise: str, kind: str) -> None:
    text = signature.sign("secret", kind, number)
    assert signature.read("secret", kind, text) == number
    assert signature.read("other", kind, text) is None
    assert signature.read("secret", "A" if kind == "R" else "R", text) is None
    if noise.upper() != text:
        assert signature.read("secret", kind, noise) is None


def test_what_a_spreadsheet_would_run_stays_text(tmp_path: Path) -> None:
    row = ["=cmd()", "n", "room", "main", *[""] * 10]
    assert b"'=cmd()" in write_csv([row])
    assert read_table("t", write_xlsx([row]))[0].cells["code"] == "'=cmd()"
