#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Malformed messages for every attribute of every operation: each is refused, nothing changes.

An attribute is sent with a payload that its type does not allow: too short, too long, without its
NUL, out of range, not a nest. What the module shows before and after must be equal. Prints how many
messages it sent, by errno, and ends with ``malformed: done``.
"""

from __future__ import annotations

import collections
import errno
import struct
import sys
from collections.abc import Iterator
from typing import Any

from ainkad.netlink.attributes import pack
from ainkad.netlink.client import Client, open_socket
from ainkad.netlink.message import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, build
from ainkad.netlink.spec import Attribute
from ainkad.netlink.spec_gen import FAMILY, OPERATIONS

NLA_F_NESTED = 0x8000
LONG = b"x" * 4000

#: What makes an otherwise good policy of the operation under test; nothing of it may come through.
GOOD: dict[str, dict[str, Any]] = {
    "policy-add": {
        "name": "hostile",
        "when": "ainka.uptime_ms > 0",
        "action": [{"tunable": "sysctl.vm.swappiness", "value": "1"}],
    },
    "policy-remove": {"name": "hostile"},
    "policy-get": {"name": "hostile"},
    "signal-set": {"name": "hostile.signal_count", "value": 1},
}

#: Numbers that are out of range for an attribute of the type.
OUT_OF_RANGE = {
    ("policy", "subject"): 4,
    ("policy", "mode"): 3,
    ("policy", "origin"): 3,
    ("policy", "states"): 32,
    ("policy", "priority"): 1001,
    ("map", "role"): 6,
    ("map", "fd"): 0x7FFFFFFF,
    ("status", "state"): 5,
    ("status", "enforce"): 2,
}


def bad_payloads(set_name: str, attribute: Attribute) -> Iterator[bytes]:
    """Payloads that the module must refuse for this attribute."""
    if attribute.type in ("u32", "s32", "u64", "s64"):
        size = 4 if attribute.type.endswith("32") else 8
        yield b""
        yield b"\1" * (size - 1)
        if (set_name, attribute.name) in OUT_OF_RANGE:
            yield struct.pack("=I", OUT_OF_RANGE[set_name, attribute.name])
    elif attribute.type == "string":
        yield b""
        yield b"no terminator" * 50
        yield LONG + b"\0"
    elif attribute.type == "binary":
        yield b"\1"
        yield LONG
    elif attribute.type == "nest":
        yield b"\xff" * 7
        yield struct.pack("=HH", 60000, 1) + b"abc"
        yield pack(1, b"sysctl.no.such\0") + pack(2, b"1\0")
        yield pack(1, LONG)


#: Attributes of an operation that it takes in a request; others are refused as unknown or ignored.
def request_attributes() -> Iterator[tuple[str, str, Attribute]]:
    for operation in OPERATIONS.values():
        for attribute in FAMILY.sets[operation.attribute_set].by_name.values():
            yield operation.name, operation.attribute_set, attribute


def picture(client: Client) -> object:
    """What the module shows of policies, signals, tunables and state."""
    state = client.request("state-get", {"brief": True})
    state.pop("since-ns")
    policies = [p["name"] for p in client.dump("policy-get")]
    signals = [s["name"] for s in client.dump("signal-get")]
    tunables = [(t["name"], t.get("current"), t.get("held")) for t in client.dump("tunable-get")]
    return state, policies, signals, tunables


def main() -> int:
    """Send them all; the exit status is the verdict."""
    client = Client()
    from ainkad.netlink.attributes import encode

    sock = open_socket()
    before = picture(client)
    outcome: collections.Counter[str] = collections.Counter()
    failures = []
    sequence = 0
    read_only = {"policy-get", "signal-get", "tunable-get", "decision-get", "state-get"}
    for name, set_name, attribute in request_attributes():
        operation = OPERATIONS[name]
        if name.endswith("-ntf"):
            continue
        for payload in bad_payloads(set_name, attribute):
            for nested in (0, NLA_F_NESTED) if attribute.type == "nest" else (0,):
                rest = {k: v for k, v in GOOD.get(name, {}).items() if k != attribute.name}
                body = encode(set_name, rest) + pack(attribute.number | nested, payload)
                # a claim to be longer than the message
                for body_sent in (body, body[: len(body) - len(body) % 4] + b"\xff\xff\1\0"):
                    sequence += 1
                    flags = NLM_F_REQUEST | NLM_F_ACK
                    sock.send(
                        build(
                            client._family_id,
                            flags,
                            sequence,
                            operation.command,
                            FAMILY.version,
                            body_sent,
                        )
                    )
                    answer = sock.recv(1 << 20)
                    kind = struct.unpack_from("=IHHII", answer)[1]
                    code = -struct.unpack_from("=i", answer, 16)[0] if kind == 2 else 0
                    if kind != 2:
                        sock.recv(1 << 20)  # the acknowledgement behind the reply
                    outcome[errno.errorcode.get(code, "accepted") if code else "accepted"] += 1
                    if code == 0 and name not in read_only:
                        failures.append((name, attribute.name, payload[:20], nested))
    # an operation there is not, a message without its header, a dump of a do-only operation
    for command, body in ((0, b""), (200, b""), (255, LONG)):
        sequence += 1
        flags = NLM_F_REQUEST | NLM_F_ACK
        sock.send(build(client._family_id, flags, sequence, command, 1, body))
        code = -struct.unpack_from("=i", sock.recv(1 << 20), 16)[0]
        outcome[errno.errorcode.get(code, "accepted")] += 1
        if not code:
            failures.append(("operation", str(command), b"", 0))
    sequence += 1
    command = OPERATIONS["policy-add"].command
    sock.send(build(client._family_id, NLM_F_REQUEST | NLM_F_DUMP, sequence, command, 1, b""))
    sock.recv(1 << 20)
    after = picture(client)
    print(sequence, "messages:", dict(outcome))
    for failure in failures:
        print("accepted:", failure)
    if before != after:
        print("changed:", before, after, sep="\n")
    print("malformed: done")
    return 1 if failures or before != after else 0


if __name__ == "__main__":
    sys.exit(main())
