#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: traffic.bpf.o at a veth pair, against exactly so many packets.

Usage: check_traffic.py [watch]. Prints what it measured; exits 1 at the first thing that is wrong.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ainkad.traffic import PROTOCOLS, Traffic
from counting import LIBRARY, check, until

OBJECT = LIBRARY / "traffic.bpf.o"
SPACE, HERE, THERE = "ainka-far", "ainka0", "ainka1"
HERE_IP, THERE_IP = "10.99.7.1", "10.99.7.2"
PORT, SIZE = 7777, 400
UDP_BYTES = 14 + 20 + 8 + SIZE

#: Ethernet type, and what follows, for one frame of each sort.
FRAMES = {
    "tcp": (0x86DD, struct.pack("!IHBB32x", 6 << 28, 20, 6, 64) + bytes(20)),
    "udp": (0x86DD, struct.pack("!IHBB32x", 6 << 28, 8, 17, 64) + bytes(8)),
    "icmp": (0x0800, struct.pack("!BBHIBBH8x", 0x45, 0, 28, 0, 64, 1, 0) + bytes(8)),
    "icmpv6": (0x86DD, struct.pack("!IHBB32x", 6 << 28, 8, 58, 64) + bytes(8)),
    "arp": (0x0806, bytes(28)),
    "other-ipv4": (0x0800, struct.pack("!BBHIBBH8x", 0x45, 0, 28, 0, 64, 47, 0) + bytes(8)),
    "other-ipv6": (0x86DD, struct.pack("!IHBB32x", 6 << 28, 8, 59, 64) + bytes(8)),
    "other": (0x88B5, bytes(46)),
}
TAGGED = (0x8100, struct.pack("!HH", 5, 0x0800)
          + struct.pack("!BBHIBBH8x", 0x45, 0, 28, 0, 64, 17, 0) + bytes(8))  # fmt: skip


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=True)
    return done.stdout


def make() -> None:
    """The pair: one end here, the other in a namespace of its own; no IPv6 that talks by itself."""
    subprocess.run(["ip", "netns", "del", SPACE], capture_output=True)
    ip("netns", "add", SPACE)
    pair()


def pair() -> None:
    ip("link", "add", HERE, "type", "veth", "peer", "name", THERE, "netns", SPACE)
    far = ("-n", SPACE)
    Path(f"/proc/sys/net/ipv6/conf/{HERE}/disable_ipv6").write_text("1")
    quiet = f"echo 1 >/proc/sys/net/ipv6/conf/{THERE}/disable_ipv6"
    subprocess.run(["ip", "netns", "exec", SPACE, "sh", "-c", quiet], check=True)
    ip("addr", "add", f"{HERE_IP}/24", "dev", HERE)
    ip(*far, "addr", "add", f"{THERE_IP}/24", "dev", THERE)
    ip(*far, "link", "set", "lo", "up")
    ip(*far, "link", "set", THERE, "up")
    ip("link", "set", HERE, "up")
    # nobody asks for an address while packets are counted
    theirs = json.loads(ip(*far, "-j", "link", "show", THERE))[0]["address"]
    ours = json.loads(ip("-j", "link", "show", HERE))[0]["address"]
    ip("neigh", "replace", THERE_IP, "lladdr", theirs, "nud", "permanent", "dev", HERE)
    ip(*far, "neigh", "replace", HERE_IP, "lladdr", ours, "nud", "permanent", "dev", THERE)
    check(until(lambda: '"UP"' in ip("-j", "link", "show", HERE)), "the pair does not come up")


def statistics() -> dict[str, dict[str, int]]:
    """What the interface itself has counted."""
    found = json.loads(ip("-s", "-j", "link", "show", HERE))[0]["stats64"]
    return {"ingress": found["rx"], "egress": found["tx"]}


def far(code: str) -> subprocess.Popen[str]:
    """A program in the other namespace, which says when it is ready."""
    command = ["ip", "netns", "exec", SPACE, sys.executable, "-c", code]
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert started.stdout is not None
    check(started.stdout.readline() == "ready\n", "nothing runs at the other end")
    return started


SINK = f"""
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("{THERE_IP}", {PORT}))
tcp = socket.create_server(("{THERE_IP}", {PORT}))
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(("{THERE}", 0))
print("ready", flush=True)
for line in sys.stdin:
    what, _, rest = line.strip().partition(" ")
    if what == "send":
        for _ in range(int(rest)):
            udp.sendto(bytes({SIZE}), ("{HERE_IP}", {PORT}))
    elif what == "frame":
        n, data = rest.split()
        for _ in range(int(n)):
            raw.send(bytes.fromhex(data))
    else:
        peer, _ = tcp.accept()
        while peer.recv(65536):
            pass
        peer.close()
    print("done", flush=True)
"""


class Sender:
    """Makes traffic at both ends."""

    def __init__(self) -> None:
        self._far = far(SINK)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((HERE_IP, PORT))

    def _say(self, line: str) -> None:
        assert self._far.stdin is not None
        self._far.stdin.write(line + "\n")

    def _done(self, what: str) -> None:
        assert self._far.stdout is not None
        check(self._far.stdout.readline() == "done\n", f"{what} failed")

    def _do(self, line: str) -> None:
        self._say(line)
        self._done(line)

    def datagrams(self, out: int, back: int) -> None:
        for _ in range(out):
            self._udp.sendto(bytes(SIZE), (THERE_IP, PORT))
        self._do(f"send {back}")

    def frame(self, n: int, kind: tuple[int, bytes]) -> None:
        head = bytes.fromhex("ffffffffffff020000000001") + struct.pack("!H", kind[0])
        self._do(f"frame {n} {(head + kind[1]).hex()}")

    def stream(self, size: int) -> None:
        with socket.create_connection((THERE_IP, PORT)) as client:
            self._say("stream")
            client.sendall(bytes(size))
            client.shutdown(socket.SHUT_WR)
            self._done("stream")

    def close(self) -> None:
        assert self._far.stdin is not None
        self._far.stdin.close()
        self._far.wait()
        self._udp.close()


Counts = dict[tuple[str, str], tuple[int, int]]


def counts(traffic: Traffic) -> Counts:
    (row,) = traffic.report()
    check(row["watched"], f"{row}")
    return {(c["direction"], c["protocol"]): (c["packets"], c["bytes"]) for c in row["counts"]}


def grown(traffic: Traffic, work: Callable[[], object]) -> Counts:
    """What was counted meanwhile, which is what the interface says for each direction."""
    before, says_before = counts(traffic), statistics()
    work()
    time.sleep(0.3)
    after, says = counts(traffic), statistics()
    new = {
        key: (n[0] - before.get(key, (0, 0))[0], n[1] - before.get(key, (0, 0))[1])
        for key, n in after.items()
    }
    for direction in hooks(traffic):
        packets = sum(n for (way, _), (n, _) in new.items() if way == direction)
        own = says[direction]["packets"] - says_before[direction]["packets"]
        print(f"{direction}: {packets} packets, ip -s link says {own}", flush=True)
        check(packets == own, f"{direction}: {packets} packets, the interface says {own}")
    return {key: n for key, n in new.items() if n[0]}


def hooks(traffic: Traffic) -> dict[str, str]:
    found: dict[str, str] = traffic.report()[0]["hooks"]
    return found


def exact_counts(traffic: Traffic, sender: Sender) -> None:
    both = "egress" in hooks(traffic)
    seen = grown(traffic, lambda: sender.datagrams(500, 300))
    wanted = {("ingress", "udp"): (300, 300 * UDP_BYTES)}
    if both:
        wanted["egress", "udp"] = (500, 500 * UDP_BYTES)
    check(seen == wanted, f"{seen}, sent were {wanted}")
    for i, (name, kind) in enumerate(FRAMES.items()):
        check(name == PROTOCOLS[i], "the protocols have another order")
        n = 10 + i
        seen = grown(traffic, lambda n=n, kind=kind: sender.frame(n, kind))  # type: ignore[misc]
        got = seen.get(("ingress", name))
        print(f"{name}: {seen}", flush=True)
        check(got == (n, n * (14 + len(kind[1]))), f"{name}: {seen}, {n} frames were sent")
    seen = grown(traffic, lambda: sender.frame(9, TAGGED))
    check(seen[("ingress", "udp")][0] == 9, f"tagged frames: {seen}")


def much_at_once(traffic: Traffic, sender: Sender) -> None:
    """A stream, in which the kernel handles many packets as one."""
    before = counts(traffic)
    sender.stream(4 << 20)
    time.sleep(0.3)
    after = counts(traffic)
    print(f"a stream: {before} to {after}", flush=True)
    check(after[("ingress", "tcp")][0] > before.get(("ingress", "tcp"), (0, 0))[0], "no answers")
    if "egress" in hooks(traffic):
        packets, size = (
            a - b
            for a, b in zip(
                after["egress", "tcp"], before.get(("egress", "tcp"), (0, 0)), strict=True
            )
        )
        check(size >= 4 << 20, f"{size} bytes of 4 MiB")
        check(packets >= (4 << 20) // 1500, f"{packets} packets for 4 MiB")


def programs() -> list[str]:
    shown = subprocess.run(["bpftool", "prog", "show"], capture_output=True, text=True, check=True)
    return [x for x in shown.stdout.splitlines() if "tc_ingress" in x or "xdp_ingress" in x]


def untouched() -> bool:
    link = json.loads(ip("-j", "link", "show", HERE))[0]
    queues = subprocess.run(["tc", "qdisc", "show", "dev", HERE], capture_output=True, text=True)
    return not programs() and "xdp" not in link and "clsact" not in queues.stdout


def comes_and_goes(traffic: Traffic) -> None:
    ip("link", "del", HERE)
    traffic.look()
    (row,) = traffic.report()
    check(not row["watched"] and row["reason"] == "there is no such interface", f"{row}")
    check(not programs(), f"programs of an interface that is gone: {programs()}")
    pair()
    traffic.look()
    (row,) = traffic.report()
    check(row["watched"] and sum(c["packets"] for c in row["counts"]) < 10, f"{row}")


def killed() -> None:
    """Nothing stays of one who is killed."""
    watcher = subprocess.Popen([sys.executable, __file__, "watch"], stdout=subprocess.PIPE,
                               text=True)  # fmt: skip
    assert watcher.stdout is not None
    check(watcher.stdout.readline() == "on\n", "the watcher did not start")
    check(len(programs()) >= 1 and not untouched(), "the watcher watches nothing")
    watcher.kill()
    watcher.wait()
    check(until(untouched), f"left behind: {programs()}")


def watch() -> Any:
    """Watch until killed."""
    traffic = Traffic(OBJECT, [HERE])
    traffic.look()
    check(traffic.report()[0]["watched"], "it is not watched")
    print("on", flush=True)
    time.sleep(1000)


def main() -> None:
    if sys.argv[1:] == ["watch"]:
        watch()
    make()
    try:
        check(untouched(), "somebody watches it already")
        traffic = Traffic(OBJECT, [HERE])
        traffic.look()
        print(traffic.report(), flush=True)
        sender = Sender()
        exact_counts(traffic, sender)
        much_at_once(traffic, sender)
        sender.close()
        comes_and_goes(traffic)
        traffic.close()
        check(until(untouched), f"left behind: {programs()}")
        killed()
    finally:
        ip("netns", "del", SPACE)
    print("all right")


if __name__ == "__main__":
    main()
