"""Whether this machine's clock is kept right by a time service (NTP); the only module that asks the kernel."""

import ctypes
from pathlib import Path

#: adjtimex(2): the state of a clock that nothing keeps.
_TIME_ERROR = 5
_STA_UNSYNC = 0x0040
_STATUS_OFFSET, _TIMEX_BYTES = 40, 512

#: What a time service that is there leaves in /run.
_SERVICES = ("/run/systemd/timesync", "/run/chrony", "/run/chronyd.pid", "/run/ntpd.pid")
#: systemd-timesyncd makes it at the first synchronisation since boot.
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def clock_kept() -> bool | None:
    """True: the clock is synchronised. False: a time service is there and has not synchronised it (yet). None: nobody
    keeps this clock, so it is as right as whoever set it."""
    if _kernel_synchronised() or _SYNCHRONISED.exists():
        return True
    return False if any(Path(path).exists() for path in _SERVICES) else None


def machine_boot() -> str:
    """This boot of the machine: within it monotonic time is one, also across restarts of the agent."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _kernel_synchronised() -> bool:
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):  # no Linux
        return False
    timex = (ctypes.c_char * _TIMEX_BYTES)()  # modes = 0: read only
    state = adjtimex(timex)
    status = ctypes.c_int.from_buffer(timex, _STATUS_OFFSET if ctypes.sizeof(ctypes.c_long) == 8 else 20).value
    return 0 <= state < _TIME_ERROR and not status & _STA_UNSYNC
