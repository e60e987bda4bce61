# SPDX-License-Identifier: Apache-2.0
"""The netlink client on bytes: no kernel, every message written out by the test."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

import pytest
from ainkad.errors import AinkaError
from ainkad.netlink.attributes import decode, encode, pack, walk
from ainkad.netlink.client import Client
from ainkad.netlink.message import NLM_F_ACK_TLVS, NLM_F_CAPPED, KernelError
from ainkad.netlink.spec_gen import FAMILY, OPERATIONS

FAMILY_ID = 0x1C


def header(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0) + payload


def reply(kind: int, sequence: int, payload: bytes, flags: int = 0) -> bytes:
    return header(kind, flags, sequence, struct.pack("=BBH", 1, 1, 0) + payload)


def ack(sequence: int, error: int = 0, tlvs: bytes = b"") -> bytes:
    flags = NLM_F_CAPPED | (NLM_F_ACK_TLVS if tlvs else 0)
    return header(2, flags, sequence, struct.pack("=iIHHII", error, 20, 0, 0, sequence, 0) + tlvs)


def done(sequence: int, error: int = 0) -> bytes:
    return header(3, 2, sequence, struct.pack("=i", error))


class Wire:
    """A transport that answers each request by a function of its sequence number."""

    def __init__(self, *answers: Callable[[int], list[bytes]]) -> None:
        self.answers = [found, *answers]
        self.sent: list[bytes] = []
        self.queue: list[bytes] = []

    def send(self, data: bytes, /) -> int:
        self.sent.append(data)
        sequence = struct.unpack_from("=I", data, 8)[0]
        self.queue += self.answers[len(self.sent) - 1](sequence)
        return len(data)

    def recv(self, size: int, /) -> bytes:
        if not self.queue:
            raise TimeoutError
        return self.queue.pop(0)

    def close(self) -> None:
        self.queue.clear()


def found(sequence: int) -> list[bytes]:
    group = pack(1, b"decisions\0") + pack(2, struct.pack("=I", 7))
    attributes = pack(2, b"ainka\0") + pack(1, struct.pack("=H", FAMILY_ID))
    attributes += pack(7, pack(1, group))
    return [reply(0x10, sequence, attributes), ack(sequence)]


def test_attributes_survive_the_round_trip() -> None:
    policy = {
        "name": "calm",
        "subject": "task",
        "mode": "advise",
        "priority": -3,
        "for-ns": 1 << 40,
        "model": b"\1\2\3",
        "action": [
            {"tunable": "task.nice", "value": "19"},
            {"tunable": "task.policy", "value": "idle"},
        ],
        "replace": True,
    }
    assert decode("policy", encode("policy", policy)) == policy


def test_a_false_flag_and_none_are_left_out() -> None:
    assert encode("policy", {"replace": False, "until": None}) == b""


def test_every_attribute_starts_at_four_bytes() -> None:
    data = encode("action", {"tunable": "abc", "value": "1"})
    assert len(data) % 4 == 0
    assert [offset % 4 for _, _, offset in walk(data)] == [0, 0]


def test_signed_64_bits_and_unknown_attributes() -> None:
    data = pack(63, b"from a newer module") + encode("signal", {"value": -(1 << 62)})
    assert decode("signal", data) == {"value": -(1 << 62)}


def test_an_enumeration_entry_we_do_not_know_stays_a_number() -> None:
    data = pack(mode_number(), struct.pack("=I", 99))
    assert decode("policy", data) == {"mode": 99}


def mode_number() -> int:
    return FAMILY.sets["policy"].by_name["mode"].number


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"colour": 1}, ["colour", "allowed", "when"]),
        ({"mode": "often"}, ["often", "observe, advise, enforce"]),
        ({"for-ns": -1}, ["for-ns", "u64"]),
        ({"priority": "high"}, ["priority", "s32"]),
        ({"model": bytes(70_000)}, ["70000", "at most"]),
    ],
)
def test_what_cannot_be_encoded_is_named(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(AinkaError) as caught:
        encode("policy", values)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\x03\x00\x01\x00", b"\xff\x00\x01\x00abc", b"\0\0\0\0"])
def test_malformed_attributes_end_the_walk(data: bytes) -> None:
    assert decode("policy", data) == {}


def test_a_short_integer_is_refused() -> None:
    with pytest.raises(AinkaError, match="2 bytes for priority"):
        decode("policy", pack(FAMILY.sets["policy"].by_name["priority"].number, b"\1\2"))


def test_a_request_returns_its_reply() -> None:
    answer = encode("policy", {"id": 4, "version": 2})
    wire = Wire(lambda seq: [reply(FAMILY_ID, seq, answer) + ack(seq)])
    assert Client(lambda: wire).request("policy-add", {"name": "a"}) == {"id": 4, "version": 2}
    kind, flags = struct.unpack_from("=HH", wire.sent[1], 4)
    assert (kind, flags) == (FAMILY_ID, 0x05)
    assert wire.sent[1][16] == OPERATIONS["policy-add"].command


def test_a_dump_of_many_parts_ends_at_done() -> None:
    def answer(seq: int) -> list[bytes]:
        parts = [reply(FAMILY_ID, seq, encode("policy", {"name": n}), 2) for n in "abc"]
        return [parts[0] + parts[1], parts[2], done(seq)]

    rows = list(Client(lambda: Wire(answer)).dump("policy-get"))
    assert [row["name"] for row in rows] == ["a", "b", "c"]


def test_a_request_between_two_objects_of_a_dump() -> None:
    def dump(seq: int) -> list[bytes]:
        return [
            reply(FAMILY_ID, seq, encode("policy", {"name": "a"}), 2),
            reply(FAMILY_ID, seq, encode("policy", {"name": "b"}), 2) + done(seq),
        ]

    state = encode("status", {"state": "optimizing"})
    client = Client(lambda: Wire(dump, lambda seq: [reply(FAMILY_ID, seq, state), ack(seq)]))
    names, states = [], []
    for row in client.dump("policy-get"):
        names.append(row["name"])
        states += [client.request("state-get")] if row["name"] == "a" else []
    assert (names, states) == (["a", "b"], [{"state": "optimizing"}])


def test_what_is_left_over_does_not_disturb_the_next_request() -> None:
    state = encode("status", {"state": "optimizing"})
    old = reply(FAMILY_ID, 1, encode("policy", {"name": "b"}), 2) + done(1)
    wire = Wire(lambda seq: [old, reply(FAMILY_ID, seq, state), ack(seq)])
    assert Client(lambda: wire).request("state-get") == {"state": "optimizing"}


def test_the_kernels_words_and_attribute_are_shown() -> None:
    request = encode("policy", {"name": "a", "when": "x >"})
    offset = 20 + len(encode("policy", {"name": "a"}))
    tlvs = pack(1, b"unknown signal x\0") + pack(2, struct.pack("=I", offset))
    wire = Wire(lambda seq: [ack(seq, -errno.EINVAL, tlvs)])
    with pytest.raises(KernelError) as caught:
        Client(lambda: wire).request("policy-add", {"name": "a", "when": "x >"})
    assert wire.sent[1][20:] == request
    error = caught.value
    assert (error.errno, error.attribute) == (errno.EINVAL, "when")
    assert error.message == "when: unknown signal x"


def test_an_attribute_inside_a_nest_is_named_with_its_nest() -> None:
    values = {"name": "a", "action": [{"tunable": "t", "value": "9"}]}
    inner = len(encode("policy", {"name": "a"})) + 4 + len(encode("action", {"tunable": "t"}))
    tlvs = pack(1, b"at most 5\0") + pack(2, struct.pack("=I", 20 + inner))
    with pytest.raises(KernelError) as caught:
        Client(lambda: Wire(lambda seq: [ack(seq, -34, tlvs)])).request("policy-add", values)
    assert caught.value.attribute == "action[1].value"


def test_a_missing_attribute_is_named() -> None:
    number = FAMILY.sets["policy"].by_name["name"].number
    tlvs = pack(5, struct.pack("=I", number))
    with pytest.raises(KernelError, match="name: is missing"):
        Client(lambda: Wire(lambda seq: [ack(seq, -22, tlvs)])).request("policy-add", {})


def test_eperm_has_a_hint() -> None:
    with pytest.raises(KernelError) as caught:
        Client(lambda: Wire(lambda seq: [ack(seq, -errno.EPERM)])).request("reset")
    assert "root" in caught.value.hint


def test_an_error_at_the_end_of_a_dump_is_raised() -> None:
    with pytest.raises(KernelError, match="tunable-get"):
        list(Client(lambda: Wire(lambda seq: [done(seq, -errno.EIO)])).dump("tunable-get"))


def test_no_family_means_no_module() -> None:
    wire = Wire()
    wire.answers = [lambda seq: [ack(seq, -errno.ENOENT)]]
    with pytest.raises(AinkaError) as caught:
        Client(lambda: wire)
    assert "not loaded" in caught.value.message
    assert "modprobe ainka" in caught.value.hint


def test_silence_is_an_error() -> None:
    with pytest.raises(AinkaError, match="did not answer"):
        Client(lambda: Wire(lambda seq: [])).request("state-get")


def test_an_unknown_group_names_those_there_are() -> None:
    with pytest.raises(AinkaError) as caught:
        Client(lambda: Wire()).subscribe("weather")
    assert "weather" in caught.value.message
    assert "decisions" in caught.value.hint
