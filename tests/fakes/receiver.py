"""Where notifications arrive: a webhook and a mailbox that keep all that comes."""

import json
import threading
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller

from tests.servers.ports import free_port


class Told(NamedTuple):
    """One event, told to one person by one way; `message` is the same when a message comes again."""

    person: str
    way: str
    event: str
    message: str


class Receiver:
    """Both listen on loopback until `close`; the mailbox is asked by subject, the webhook by key."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.mails: list[tuple[str, str, str]] = []  #: to, subject, Message-ID
        self.begun = threading.Event()  #: a message came while answers were held back
        self.answering = threading.Event()  #: cleared: nobody gets an answer
        self.answering.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["content-length"])))
                person = self.path.removeprefix("/")
                receiver.told += [Told(person, "webhook", one["key"], said["id"]) for one in said["events"]]
                if not receiver.answering.is_set():
                    receiver.begun.set()
                    receiver.answering.wait(120)
                try:
                    self.send_response(204)
                    self.end_headers()
                except OSError:
                    """Who sent it has died meanwhile."""

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

        class Inbox:
            async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
                mail = BytesParser().parsebytes(envelope.content)
                receiver.mails.append((mail["To"], mail["Subject"], mail["Message-ID"]))
                return "250 OK"

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, name="receiver", daemon=True).start()
        self.smtp_port = free_port()
        self._smtp = Controller(Inbox(), hostname="127.0.0.1", port=self.smtp_port)
        self._smtp.start()

    def url(self, person: str) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/{person}"

    def close(self) -> None:
        self.answering.set()
        self._http.shutdown()
        self._http.server_close()
        self._smtp.stop()
