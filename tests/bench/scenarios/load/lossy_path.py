# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: a sender in the machine's own network namespace, a path, a receiver.

    c0 (the machine) -- r0 [path] r1 -- s0 [server]

netem in the middle delays, limits and loses; the sender's queue is fq. Every window is a new
connection, since an established one keeps its congestion control. What the kernel remembers of
earlier connections is switched off, so that windows do not depend on those before.
"""

from __future__ import annotations

import json
from typing import Any

from .programs import Plain, shell, wait_until

SERVER = "10.9.2.2"
SETUP = f"""
set -e
modprobe -a sch_netem sch_fq tcp_bbr veth
echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save
ip netns add path; ip netns add server
ip link add c0 type veth peer name r0 netns path
ip link add r1 netns path type veth peer name s0 netns server
ip addr add 10.9.1.1/24 dev c0; ip link set c0 up
ip -n path addr add 10.9.1.2/24 dev r0; ip -n path link set r0 up
ip -n path addr add 10.9.2.1/24 dev r1; ip -n path link set r1 up
ip -n server addr add {SERVER}/24 dev s0; ip -n server link set s0 up
ip route add 10.9.2.0/24 via 10.9.1.2
ip -n server route add 10.9.1.0/24 via 10.9.2.1
ip netns exec path sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
ethtool -K c0 tso off gso off gro off >/dev/null
ip netns exec path sh -c 'for i in r0 r1; do ethtool -K $i tso off gso off gro off; done' >/dev/null
ip netns exec server ethtool -K s0 tso off gso off gro off >/dev/null
tc qdisc replace dev c0 root fq
"""


class Load(Plain):
    """One connection after the other."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._netem = options["netem"]
        self._back = options["back"]
        self._phase = ""
        shell(SETUP)
        shell(f"tc -n path qdisc replace dev r0 root netem {self._back}")
        self._path(next(iter(self._netem)))
        shell(f"ip netns exec server iperf3 -s -D --forceflush -B {SERVER}")
        wait_until(self._listens, "listening iperf3", 60)

    @staticmethod
    def _listens() -> bool:
        return ":5201" in shell("ip netns exec server ss -ltnH")

    def _path(self, phase: str) -> None:
        if phase != self._phase:
            shell(f"tc -n path qdisc replace dev r1 root netem {self._netem[phase]}")
            self._phase = phase

    def facts(self) -> dict[str, Any]:
        """The path."""
        return {"netem": self._netem, "netem_back": self._back,
                "iperf3": shell("iperf3 --version").splitlines()[0],
                "congestion_control": shell(
                    "cat /proc/sys/net/ipv4/tcp_available_congestion_control").strip()}  # fmt: skip

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """Goodput of a new connection, from its beginning, as the receiver counts it.

        What is dropped before it is a connection of its own: a path that nobody uses tells nobody
        what it is like. What the kernel keeps of a connection for the next one to the same address
        (tcp_metrics: above all when slow start is to end) is forgotten, or it would begin with what
        another algorithm made of another path.
        """
        self._path(phase)
        if settle_s:
            self._connect(settle_s)
            shell("ip tcp_metrics flush")
        end = self._connect(seconds)
        return {
            "with_bbr": float(end.get("sender_tcp_congestion") == "bbr"),
            "goodput_mbit_per_s": end["sum_received"]["bits_per_second"] / 1e6,
            "retransmits": float(end["sum_sent"]["retransmits"]),
        }

    @staticmethod
    def _connect(seconds: float) -> dict[str, Any]:
        """What iperf3 says of a connection when it has ended."""
        end: dict[str, Any] = json.loads(
            shell(f"iperf3 -c {SERVER} -t {seconds:g} -J", seconds + 60)
        )["end"]
        return end

    def close(self) -> None:
        """End the server; the namespaces go with the guest."""
        shell("pkill -x iperf3 || true")
