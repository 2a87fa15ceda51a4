"""Leases, and due times that are taken once: several processes, or two schedulers by mistake, do nothing twice."""

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from plantroom_cloud.jobs import repository
from plantroom_cloud.jobs.models import JobRun

#: A process that is gone without a word is followed by another after so long, at once on the same machine.
LEASE = timedelta(seconds=10)
RUNS_KEPT = timedelta(days=30)


class JobService:
    """Works in the session it is given."""

    def __init__(self, holder: str) -> None:
        self.holder = holder

    def take(self, session: Session, name: str, at: datetime) -> bool:
        """Have or keep a lease; True while it is ours."""
        if repository.take(session, name, self.holder, at, at + LEASE):
            return True
        other = repository.holder(session, name)
        if other is None or not is_gone(other):
            return False
        repository.give_back(session, name, other)
        return repository.take(session, name, self.holder, at, at + LEASE)

    def give_back(self, session: Session, name: str) -> None:
        """The next may have it at once."""
        repository.give_back(session, name, self.holder)

    def claim(self, session: Session, plan: str, every: timedelta, at: datetime) -> datetime | None:
        """The due time that has come of a plan that is due at each whole `every`, unless somebody has taken it."""
        due = datetime.fromtimestamp(at.timestamp() // every.total_seconds() * every.total_seconds(), UTC)
        return due if repository.claim(session, plan, due, self.holder, at) else None

    def finish(self, session: Session, plan: str, due_at: datetime, at: datetime, error: str = "") -> None:
        """It is done, or has failed; it is due again at its next time."""
        repository.finish(session, plan, due_at, at, error)

    def runs(self, session: Session, plan: str) -> list[JobRun]:
        """Newest first."""
        return repository.runs(session, plan)

    def trim(self, session: Session, at: datetime) -> None:
        """Forget runs that nobody asks for any more."""
        repository.delete_before(session, at - RUNS_KEPT)


def this_process() -> str:
    """Who holds a lease: where/process id/when the process began, in clock ticks since the machine did."""
    return f"{_where()}/{os.getpid()}/{_began(os.getpid())}"


def is_gone(holder: str) -> bool:
    """Whether a holder on this machine has ended; of another machine's nothing is known."""
    where, _, rest = holder.partition("/")
    number, _, began = rest.partition("/")
    return where == _where() and number.isdigit() and _began(int(number)) != began


def _where() -> str:
    """Where process ids mean the same: one start of one machine, one container. Names alone may be the same on two."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        processes = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return f"{socket.gethostname()}.{os.getpid()}"
    return f"{socket.gethostname()}.{boot}.{processes}"


def _began(process: int) -> str:
    """When a process began; "" when there is none (see proc(5), field 22)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
