"""Signing on another person's phone: a PIN of one's own."""

from collections import deque
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session

from plantroom_cloud.errors import InvalidError, NotFoundError, TooManyRequestsError, UnauthenticatedError
from plantroom_cloud.users.models import User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.waste.models import SigningPin
from plantroom_shared.said import said

#: Wrong PINs of one person within the window, after which further ones must wait: 5 of 10,000 every five minutes.
MOST_FAILURES = 5
WINDOW = timedelta(minutes=5)


class Signing:
    """Works in the session it is given; failures are counted here, for a refused request commits nothing."""

    def __init__(self, users: UserService) -> None:
        self._users = users
        self._hasher = PasswordHasher()
        self._failures: dict[int, deque[datetime]] = {}  #: by user: what is no person's takes no room

    def set_pin(self, session: Session, user: User, pin: str, at: datetime) -> None:
        """One's own; raises InvalidError."""
        if not (pin.isdecimal() and 4 <= len(pin) <= 8):
            raise InvalidError("pin: use 4 to 8 digits")
        if len(set(pin)) == 1 or pin in "0123456789" or pin in "9876543210":
            raise InvalidError("pin: others would guess it; use digits without a pattern")
        assert user.id is not None
        row = session.get(SigningPin, user.id) or SigningPin(user_id=user.id, pin_hash="", set_at=at)
        row.pin_hash, row.set_at = self._hasher.hash(pin), at
        session.add(row)

    def has_pin(self, session: Session, user: User) -> bool:
        """Whether this person can sign so."""
        return user.id is not None and session.get(SigningPin, user.id) is not None

    def signer(self, session: Session, name: str, pin: str, at: datetime) -> User:
        """Who signs; raises UnauthenticatedError, TooManyRequestsError."""
        try:
            user = self._users.get(session, name)
            row = session.get(SigningPin, user.id)
        except NotFoundError:
            user, row = None, None
        if user is None or user.id is None or row is None or not user.active:
            raise self._wrong(name)
        failures = self._failures.setdefault(user.id, deque())
        while failures and at - failures[0] > WINDOW:
            failures.popleft()
        if len(failures) >= MOST_FAILURES:
            wait = round((WINDOW - (at - failures[0])).total_seconds()) + 1
            raise TooManyRequestsError(
                said("too many wrong PINs of %(name)s; try again in %(wait)s s", name=name, wait=wait), wait
            )
        try:
            self._hasher.verify(row.pin_hash, pin)
        except (VerifyMismatchError, InvalidHashError) as error:
            failures.append(at)
            raise self._wrong(name) from error
        self._failures.pop(user.id, None)
        return user

    def _wrong(self, name: str) -> UnauthenticatedError:
        return UnauthenticatedError(
            said("%(name)s: name or PIN is wrong, or no PIN is set (on the page Collect bags)", name=name)
        )
