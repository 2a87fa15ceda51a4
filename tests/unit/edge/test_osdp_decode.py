"""Cards, keys, and whether a reader was heard without a gap."""

import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from plantroom_edge.cli import main
from plantroom_edge.drivers.osdp_reader.config import check_files, read_key
from plantroom_edge.drivers.osdp_reader.decode import (
    FACILITY_BITS,
    GAP_S,
    Heard,
    read_ascii_card,
    read_card,
    read_keys,
)
from plantroom_sim.kinds.osdp.wire import wiegand26


def _packed(number: int, bits: int) -> bytes:
    return (number << (-bits % 8)).to_bytes((bits + 7) // 8, "big")


def test_a_card_as_the_prototype_saw_it() -> None:
    assert wiegand26(12, 3456) == b"\x06\x06\xc0\x40"
    assert read_card(26, b"\x06\x06\xc0\x40") == "w26:12:3456"


@given(st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 25))
def test_every_26_bit_card_is_read_and_no_single_wrong_bit_passes(facility: int, number: int, bit: int) -> None:
    data = wiegand26(facility, number)
    assert read_card(26, data) == f"w26:{facility}:{number}"
    spoilt = int.from_bytes(data, "big") ^ (1 << (31 - bit))
    assert read_card(26, spoilt.to_bytes(4, "big")) is None


@given(st.sampled_from([34, 37]), st.integers(0, 2**35 - 1))
def test_longer_cards_have_their_facility_and_number(bits: int, inner: int) -> None:
    inner &= (1 << bits - 2) - 1
    half = (bits + 1) // 2
    number = inner << 1
    number |= ((number >> (bits - half)).bit_count() & 1) << (bits - 1)
    number |= 1 - ((number & ((1 << half) - 1)).bit_count() & 1)
    card = bits - 2 - FACILITY_BITS[bits]
    assert read_card(bits, _packed(number, bits)) == f"w{bits}:{inner >> card}:{inner & ((1 << card) - 1)}"


@pytest.mark.parametrize(
    ("bits", "data", "key"),
    [(32, b"\xde\xad\xbe\xef", "raw32:deadbeef"), (5, b"\xf8", "raw5:1f"), (26, b"\x86", None), (0, b"", None)],
)
def test_other_cards_are_named_by_their_bits(bits: int, data: bytes, key: str | None) -> None:
    assert read_card(bits, data) == key


def test_cards_as_text() -> None:
    assert read_ascii_card(b"04A1B2 ") == "text:04A1B2"
    assert read_ascii_card(b"\xff") is None
    assert read_ascii_card(b" ") is None


def test_keys_have_osdps_own_enter_and_clear() -> None:
    assert read_keys(b"47\x7f1#\x0dA*") == "47*1##*"


def _reply(address: int) -> bytes:
    return bytes([0x53, 0x80 | address, 8, 0, 4, 0x40])


def test_what_comes_soon_after_a_gap_is_not_settled() -> None:
    heard = Heard([1, 2])
    assert not heard.settled(1, 0.0, 3.0)
    for tenth in range(50):
        heard.feed(_reply(1), tenth / 10)
    assert not heard.settled(1, 2.9, 3.0)
    assert heard.settled(1, 4.9, 3.0)
    assert not heard.settled(2, 4.9, 3.0)
    at = 4.9 + GAP_S + 0.1  # its wires were cut for a moment: libosdp does not even notice
    assert not heard.settled(1, at, 3.0)
    heard.feed(_reply(1), at)
    assert not heard.settled(1, at, 3.0)
    for tenth in range(1, 31):
        heard.feed(_reply(1), at + tenth / 10)
    assert heard.settled(1, at + 3.0, 3.0)


def test_a_reply_may_come_in_pieces_and_a_poll_is_no_reply() -> None:
    heard = Heard([1])
    heard.feed(bytes([0x53]), 0.0)
    heard.feed(bytes([0x81, 8, 0]), 0.1)
    assert heard.settled(1, 0.2, 0.1)
    polled = Heard([1])
    polled.feed(bytes([0x53, 0x01, 8, 0]), 0.0)
    assert not polled.settled(1, 0.2, 0.1)


def test_a_reader_that_was_offline_begins_anew() -> None:
    heard = Heard([1])
    for tenth in range(50):
        heard.feed(_reply(1), tenth / 10)
    heard.lost(1)
    heard.feed(_reply(1), 5.0)
    assert not heard.settled(1, 5.5, 3.0)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("00112233445566778899aabbccddeeff\n", 0o600, ""),
        ("00112233445566778899aabbccddeeff\n", 0o640, ""),
        ("00112233445566778899aabbccddeeff\n", 0o644, "chmod 600"),
        ("secret", 0o600, "plantroom-edge reader-key"),
        (None, 0o600, "plantroom-edge reader-key"),
    ],
)
def test_a_key_stands_in_a_file_of_its_own_that_others_cannot_read(
    text: str | None, mode: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "reader.key"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    device = type("Device", (), {"key_file": path})()
    found = list(check_files(device))
    if not said:
        assert found == []
        assert len(read_key(path)) == 16
        return
    assert found[0][0] == "key_file"
    assert said in found[0][1]
    assert "secret" not in found[0][1]


def test_nobody_who_knows_the_clock_can_guess_a_key(tmp_path: Path) -> None:
    """libosdp's own gen_key draws from `random`: who knows the seed has the key."""
    keys = []
    for number in range(2):
        random.seed(7)
        assert CliRunner().invoke(main, ["reader-key", str(tmp_path / f"{number}.key")]).exit_code == 0
        keys.append(read_key(tmp_path / f"{number}.key"))
    assert keys[0] != keys[1]
    assert all(len(key) == 16 for key in keys)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys/reader.key"
    made = CliRunner().invoke(main, ["reader-key", str(path)])
    assert made.exit_code == 0, made.output
    assert path.stat().st_mode & 0o777 == 0o600
    key = read_key(path)
    assert key.hex() not in made.output
    again = CliRunner().invoke(main, ["reader-key", str(path)])
    assert again.exit_code == 1
    assert read_key(path) == key
