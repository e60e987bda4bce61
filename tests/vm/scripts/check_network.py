#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: net.bpf.o against nstat, netem and the clock, on the loopback device.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from counting import Counted, Counting, between, check, until

HOST = "127.0.0.1"
TCPI_RTT_OFFSET = 68  # of struct tcp_info in linux/tcp.h


def tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def nstat(name: str) -> Callable[[], int]:
    """A counter of the network's, in this namespace."""
    return lambda: int(json.loads(tool("nstat", "-asz", "-j"))["kernel"][name])


def qdisc_drops() -> int:
    return sum(q["drops"] for q in json.loads(tool("tc", "-s", "-j", "qdisc", "show", "dev", "lo")))


@contextmanager
def netem(*what: str) -> Iterator[None]:
    tool("tc", "qdisc", "replace", "dev", "lo", "root", "netem", "limit", "10000", *what)
    try:
        yield
    finally:
        tool("tc", "qdisc", "del", "dev", "lo", "root")


def against(
    counting: Counting, name: str, truth: Callable[[], int], work: Callable[[], Any]
) -> Counted:
    """What is counted lies between what the kernel counted a little less and a little more long."""
    outer, before, inner = truth(), counting.read(), truth()
    work()
    inner = truth() - inner
    counted = counting.read().since(before)
    outer = truth() - outer
    check(inner > 0, f"{name}: there was none")
    between(name, inner, counted[name], outer)
    return counted


@contextmanager
def listener(backlog: int = 64) -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0), backlog=backlog) as server:
        yield server


def connects(counting: Counting) -> None:
    """Number and time of connections that take a round trip of 50 ms."""
    clock: list[float] = []

    def connect(server: socket.socket) -> None:
        for _ in range(20):
            start = time.perf_counter_ns()
            with socket.create_connection(server.getsockname()):
                clock.append(time.perf_counter_ns() - start)

    with netem("delay", "25ms"), listener() as server:
        counted = counting.of(lambda: connect(server))
    between("connections", 20, counted["net.connect.n"], 20)
    mean = sum(clock) / len(clock)
    between("ns of a connection", 50_000_000, counted.mean_ns("net.connect"), mean * 1.05)
    check(counted["net.connect_failures"] == 0, "failures were counted")


def failures(counting: Counting) -> None:
    """A refusal is one, giving up is none."""
    with listener() as server:
        closed = server.getsockname()

    def refused() -> None:
        for _ in range(10):
            with socket.socket() as client:
                check(client.connect_ex(closed) != 0, "a closed port takes connections")

    counted = counting.of(refused)
    between("refused connections", 10, counted["net.connect_failures"], 10)
    check(counted["net.connect.n"] == 0, "a refused connection is none")

    def given_up(address: tuple[str, int]) -> None:
        for _ in range(10):
            with socket.socket() as client:
                client.setblocking(False)
                client.connect_ex(address)

    with netem("delay", "200ms"), listener() as server:
        counted = counting.of(lambda: given_up(server.getsockname()))
        check(counted["net.connect_failures"] == 0, "what was given up counts as a failure")
        check(counted["net.connect.n"] == 0, "what was given up counts as a connection")
        time.sleep(1)


def transfer(size: int) -> int:
    """Send bytes to ourselves; returns the sender's smoothed round-trip time in us."""
    with listener() as server:

        def receive() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass

        receiver = threading.Thread(target=receive, daemon=True)
        receiver.start()
        with socket.create_connection(server.getsockname()) as client:
            client.sendall(bytes(size))
            client.shutdown(socket.SHUT_WR)
            receiver.join()
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return int(struct.unpack_from("=I", info, TCPI_RTT_OFFSET)[0])


def retransmits(counting: Counting) -> None:
    with netem("delay", "2ms", "loss", "5%"):
        counted = against(
            counting,
            "net.retransmits",
            nstat("TcpRetransSegs"),
            lambda: [transfer(2_000_000) for _ in range(12)],
        )
    check(counted["net.retransmits"] > 5, "hardly anything was lost")


def round_trips(counting: Counting) -> None:
    with netem("delay", "25ms"):
        before = counting.read()
        kernel_us = transfer(4_000_000)
        counted = counting.read().since(before)
    check(counted["net.rtt.n"] > 5, "hardly a segment was looked at")
    between("ns of a round trip", 50_000_000, counted.mean_ns("net.rtt"), kernel_us * 1500)


def listen_overflows(counting: Counting) -> None:
    """Nobody accepts: the queue takes two, the others are turned away again and again."""
    clients = [socket.socket() for _ in range(12)]
    overflows = nstat("TcpExtListenOverflows")

    def connect(address: tuple[str, int]) -> None:
        begin = overflows()
        for client in clients:
            client.setblocking(False)
            client.connect_ex(address)
        check(until(lambda: overflows() > begin + 8), "the queue does not overflow")

    with listener(backlog=1) as server:
        against(counting, "net.listen_overflows", overflows,
                lambda: connect(server.getsockname()))  # fmt: skip
        for client in clients:
            client.close()


def datagrams(port: int, number: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(number):
            client.sendto(bytes(1000), (HOST, port))


def drops(counting: Counting) -> None:
    """For three reasons; each is also one of all drops."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind((HOST, 0))
        port = server.getsockname()[1]
        counted = against(
            counting, "net.drops_buffer", nstat("UdpRcvbufErrors"), lambda: datagrams(port, 400)
        )
        check(counted["net.drops_buffer"] > 300, "the buffer took too much")
    counted = against(
        counting, "net.drops_no_socket", nstat("UdpNoPorts"), lambda: datagrams(port, 400)
    )
    between("drops", 400, counted["net.drops"], 2 * 400)
    with netem("loss", "30%"):
        counted = against(counting, "net.drops_qdisc", qdisc_drops, lambda: datagrams(port, 1000))
    # Nobody listens: the answers that say so are lost as well.
    between("lost of 1000", 200, counted["net.drops_qdisc"], 700)


def main() -> None:
    counting = Counting("net.bpf")
    try:
        connects(counting)
        failures(counting)
        retransmits(counting)
        round_trips(counting)
        listen_overflows(counting)
        drops(counting)
    finally:
        counting.bpf.close()
    print("all right")


if __name__ == "__main__":
    main()
