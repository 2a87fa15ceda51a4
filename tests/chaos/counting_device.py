"""A Modbus TCP device whose register is the number of the answer: what it handed out, it counts on its own.

Written from the Modbus specification and the standard library alone, so that no mistake of ours is mirrored in it.
"""

import socket
import struct
import threading

from tests.servers.ports import free_port


class CountingDevice:
    """Units 1..n behind one port, each with its own count; a thread per connection."""

    def __init__(self, units: int = 1) -> None:
        self.port = free_port()
        self.counts = dict.fromkeys(range(1, units + 1), 0)
        self.frozen = False  #: an answer fails from now on: nothing more is handed out
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, name="counting device", daemon=True).start()

    @property
    def total(self) -> int:
        """Readings handed out, all units."""
        return sum(self.counts.values())

    def freeze(self) -> None:
        """Hand out nothing more, and know how much it was."""
        with self._lock:
            self.frozen = True

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), name="counting connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        try:
            while len(head := stream.read(7)) == 7:
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                function, address, quantity = struct.unpack(">BHH", stream.read(length - 1)[:5])
                reply = self._answer(unit, function, address, quantity)
                connection.sendall(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)
        except (OSError, struct.error, ValueError):
            pass  # the other side died
        finally:
            connection.close()

    def _answer(self, unit: int, function: int, address: int, quantity: int) -> bytes:
        with self._lock:
            if self.frozen or unit not in self.counts:
                return bytes([function | 0x80, 11])  # gateway target device failed to respond
            if (function, address, quantity) != (3, 0, 2):
                return bytes([function | 0x80, 2])  # illegal data address
            self.counts[unit] += 1
            return bytes([function, 4]) + struct.pack(">I", self.counts[unit])
