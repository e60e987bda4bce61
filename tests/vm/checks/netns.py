# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: sysctls of network namespaces other than the initial one.

Usage: python3 -m checks.netns CHECK. Prints what it looked at; exits 1 at the first wrong thing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .machine import Module, check, machine, policy, same, until


@contextlib.contextmanager
def namespace(name: str) -> Iterator[int]:
    """A network namespace; its inode number."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield Path("/run/netns", name).stat().st_ino
    finally:
        if Path("/run/netns", name).exists():
            subprocess.run(["ip", "netns", "del", name], check=True)


def inside(name: str, sysctl: str) -> str:
    """The text of a sysctl in a namespace."""
    path = "/proc/sys/" + sysctl.replace(".", "/")
    done = subprocess.run(["ip", "netns", "exec", name, "cat", path],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout


SYSCTLS = {
    "net.ipv4.tcp_congestion_control": ("reno", "reno\n"),
    "net.ipv4.tcp_rmem_max": ("7MiB", None),
    "net.ipv4.tcp_ecn": ("1", "1\n"),
    "net.core.somaxconn": ("2000", "2000\n"),
}


def one_of_them(module: Module) -> None:
    """Set in one namespace, and nothing in the initial one or in another."""
    before = machine()
    with namespace("a") as a, namespace("b"):
        names = [n.replace("rmem_max", "rmem") for n in SYSCTLS]
        old = {ns: [inside(ns, n) for n in names] for ns in "ab"}
        wanted = {f"netns.{a}.{n}": v for n, (v, _) in SYSCTLS.items()}
        for _ in range(20):
            with policy(module, wanted):
                for name, (_, text) in SYSCTLS.items():
                    check(text is None or inside("a", name) == text, f"{name} is not set")
                check(inside("a", "net.ipv4.tcp_rmem").split()[2] == str(7 << 20), "tcp_rmem")
                check([inside("b", n) for n in names] == old["b"], "another namespace was changed")
                same(before, machine(), "in the initial namespace")
            check([inside("a", n) for n in names] == old["a"], "not restored")
        rows = module.tunables()
        check("note" in rows["sysctl.net.ipv4.tcp_ecn"], "the initial namespace's says nothing")
        check("note" not in rows["sysctl.vm.swappiness"], "there is a note on swappiness")
        subprocess.run(["ip", "netns", "exec", "a", "sysctl", "-q", "net.ipv4.tcp_ecn=0"])
        module.add("check", wanted)
        module.applied(wanted)
        subprocess.run(["ip", "netns", "exec", "a", "sysctl", "-q", "net.ipv4.tcp_ecn=2"])
        module.client.close()
        subprocess.run(["rmmod", "ainka"], check=True)
        check(inside("a", "net.ipv4.tcp_ecn") == "2\n", "the administrator's value is lost")
        check(inside("a", "net.core.somaxconn") == old["a"][3], "not restored by rmmod")
        subprocess.run(["modprobe", "ainka"], check=True)
        module.reopen()


def gone(module: Module) -> None:
    """A namespace goes while it is changed, with somebody in it who looks at us."""
    before = machine()
    for _ in range(5):
        with namespace("a") as a:
            wanted = {f"netns.{a}.{n}": v for n, (v, _) in SYSCTLS.items()}
            module.add("check", wanted)
            module.applied(wanted)
            subprocess.run(["ip", "netns", "del", "a"], check=True)
            until(lambda: module.held() == 0, "forgetting the namespace", 60)
            module.remove("check")
    same(before, machine(), "after namespaces have gone")
    for name in ("netns.1.net.ipv4.tcp_ecn", f"netns.{initial()}.net.ipv4.tcp_ecn",
                 f"netns.{initial()}.vm.swappiness"):  # fmt: skip
        check("no tunable" in module.refused(name, "1"), name)


def initial() -> int:
    """The inode of the namespace that everybody begins in."""
    return Path("/proc/1/ns/net").stat().st_ino


def from_elsewhere(module: Module) -> None:
    """Who asks from another namespace is told of the initial one."""
    with namespace("a"):
        module.client.close()
        before = machine()
        subprocess.run(["ip", "netns", "exec", "a", "sysctl", "-q", "net.ipv4.tcp_ecn=0"])
        # the family is in the initial namespace only: open there, then enter the other
        module.reopen()
        target = os.open("/run/netns/a", os.O_RDONLY)
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        libc_setns(target)
        try:
            row = module.tunable("sysctl.net.ipv4.tcp_ecn")
            check(row["current"] == 2, f"told of another namespace: {row}")
        finally:
            libc_setns(own)
        same(before, machine(), "after looking")


def libc_setns(fd: int) -> None:
    """Python 3.11 has no os.setns."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")


CHECKS = {f.__name__: f for f in (one_of_them, gone, from_elsewhere)}


def main() -> None:
    """Run one check."""
    CHECKS[sys.argv[1]](Module())
    print("all right")


if __name__ == "__main__":
    main()
