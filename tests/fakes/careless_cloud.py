"""plantroom-cloud as it must never run: each process believes that it holds every lease. Two of them ingest the same
messages, tick the same clocks and send from the same outbox at the same time."""

import sys

import pytest

from plantroom_cloud.cli import main
from plantroom_cloud.jobs.service import JobService

if __name__ == "__main__":
    pytest.MonkeyPatch().setattr(JobService, "take", lambda *_args: True)
    sys.exit(main())
