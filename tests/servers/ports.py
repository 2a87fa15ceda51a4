"""Ports for the servers that tests start."""

import errno
import itertools
import socket
from functools import cache


class Ports:
    """Of one process of tests alone, and below those that the kernel gives to whoever connects: a server that was
    killed finds its port again, and a client that knocks at it meanwhile is never answered by its own knock."""

    FIRST, EACH, SHARES = 20_000, 400, 31

    def __init__(self) -> None:
        self._claim = socket.socket(socket.AF_UNIX)
        first = self.FIRST + self._share() * self.EACH
        self._turns = itertools.cycle(range(first, first + self.EACH))

    def next(self) -> int:
        """One that nobody has now; it comes again when all others have had their turn."""
        return next(port for port in itertools.islice(self._turns, self.EACH) if self._is_free(port))

    def _share(self) -> int:
        """Which no other process has; the kernel gives it back when this one ends."""
        for share in range(self.SHARES):
            try:
                self._claim.bind(f"\0plantroom-test-ports-{share}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return share
        raise RuntimeError(f"{self.SHARES} processes with tests run on this machine already")

    @staticmethod
    def _is_free(port: int) -> bool:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
            return True


@cache
def _own() -> Ports:
    return Ports()


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    return _own().next()
