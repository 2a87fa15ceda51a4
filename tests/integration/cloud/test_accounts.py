"""People, their passwords, sessions, tokens and teams, on both relational databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError, UnauthenticatedError
from plantroom_cloud.users.accounts import Account, AccountService
from plantroom_cloud.users.models import Role
from plantroom_cloud.users.service import UserService

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def users() -> UserService:
    return UserService()


@pytest.fixture
def accounts(database: Database, users: UserService) -> AccountService:
    with database.write() as session:
        users.add(session, "anna", PASSWORD, Role.ADMIN, NOW)
        users.add(session, "tom", PASSWORD, Role.TECHNICIAN, NOW)
    return AccountService(users)


def logged_in(users: UserService, session: Session, name: str, password: str = PASSWORD) -> str:
    user = users.get(session, name)
    if not (user.active and users.is_password(user, password)):
        raise UnauthenticatedError("no")
    return users.begin(session, user, NOW).cookie


def test_who_is_disabled_is_out_at_once(database: Database, users: UserService, accounts: AccountService) -> None:
    with database.write() as session:
        cookie = logged_in(users, session, "tom")
        token = accounts.make_token(session, users.get(session, "tom"), "reports", None, NOW)
        session.flush()
        assert users.by_token(session, token, NOW) is not None
        accounts.change(session, "tom", Account(role=Role.TECHNICIAN, active=False), "anna", NOW)
        session.flush()
        assert users.by_cookie(session, cookie, NOW) is None
        assert users.by_token(session, token, NOW) is None
        with pytest.raises(UnauthenticatedError):
            logged_in(users, session, "tom")


def test_somebody_is_always_left_to_administrate(
    database: Database, users: UserService, accounts: AccountService
) -> None:
    viewer = Account(role=Role.VIEWER)
    with database.write() as session:
        with pytest.raises(ConflictError, match="only administrator"):
            accounts.change(session, "anna", viewer, "cli", NOW)
        accounts.change(session, "tom", Account(role=Role.ADMIN), "anna", NOW)
        session.flush()
        with pytest.raises(ConflictError, match="from himself"):
            accounts.change(session, "anna", viewer, "anna", NOW)
        accounts.change(session, "anna", viewer, "tom", NOW)
        assert users.get(session, "anna").role is Role.VIEWER


def test_ones_own_password_needs_the_present_one_and_ends_other_sessions(
    database: Database, users: UserService, accounts: AccountService
) -> None:
    new = "a much better one"
    with database.write() as session:
        here, elsewhere = logged_in(users, session, "tom"), logged_in(users, session, "tom")
        tom = users.get(session, "tom")
        for old, first, again, field in (
            ("wrong", new, new, "old"),
            (PASSWORD, new, "other", "again"),
            (PASSWORD, "short", "short", "password"),
        ):
            with pytest.raises(InvalidFieldsError) as refused:
                accounts.change_password(session, tom, old, first, again, here, NOW)
            assert list(refused.value.fields) == [field]
        accounts.change_password(session, tom, PASSWORD, new, new, here, NOW)
        session.flush()
        assert users.by_cookie(session, here, NOW) is not None
        assert users.by_cookie(session, elsewhere, NOW) is None
        assert logged_in(users, session, "tom", new)


def test_a_reset_password_works_and_the_old_one_does_not(
    database: Database, users: UserService, accounts: AccountService
) -> None:
    with database.write() as session:
        password = accounts.reset_password(session, "tom", "anna", NOW)
        session.flush()
        assert logged_in(users, session, "tom", password)
        with pytest.raises(UnauthenticatedError):
            logged_in(users, session, "tom")
        assert users.audited(session, "user/tom")[0].action == "login"


def test_a_token_acts_until_it_ends_or_is_revoked(
    database: Database, users: UserService, accounts: AccountService
) -> None:
    with database.write() as session:
        tom = users.get(session, "tom")
        token = accounts.make_token(session, tom, "reports", 1, NOW)
        session.flush()
        [row] = accounts.tokens(session, tom)
        assert users.by_token(session, token, NOW + timedelta(hours=23)) is not None
        assert users.by_token(session, token, NOW + timedelta(hours=25)) is None
        assert row.id is not None
        with pytest.raises(NotFoundError):
            accounts.revoke_token(session, users.get(session, "anna"), row.id, "anna", NOW)
        accounts.revoke_token(session, tom, row.id, "tom", NOW)
        session.flush()
        assert users.by_token(session, token, NOW) is None
        with pytest.raises(InvalidFieldsError):
            accounts.make_token(session, tom, " ", None, NOW)


def test_a_team_goes_only_when_nothing_names_it(
    database: Database, users: UserService, accounts: AccountService
) -> None:
    with database.write() as session:
        with pytest.raises(InvalidFieldsError):
            accounts.add_team(session, "Night Shift", "Night", "anna", NOW)
        accounts.add_team(session, "hvac", "HVAC", "anna", NOW)
        session.flush()
        accounts.change(session, "tom", Account(role=Role.TECHNICIAN, team_id="hvac"), "anna", NOW)
        session.flush()
        with pytest.raises(ConflictError, match="people"):
            accounts.delete_team(session, "hvac", "anna", NOW)
        accounts.change(session, "tom", Account(role=Role.TECHNICIAN), "anna", NOW)
        session.flush()
        accounts.delete_team(session, "hvac", "anna", NOW)
        session.flush()
        assert users.teams(session) == []


def test_what_cannot_be_is_said_by_field(database: Database, accounts: AccountService) -> None:
    account = Account(role=Role.VIEWER, team_id="none", sites=["moon"], email="nowhere")
    with database.write() as session, pytest.raises(InvalidFieldsError) as refused:
        accounts.add(session, "vera", PASSWORD, account, NOW)
    assert set(refused.value.fields) == {"team_id", "sites", "email"}
