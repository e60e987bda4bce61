# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: votes on CPU latency and frequency, and governors.

Usage: python3 -m checks.power CHECK. Prints what it looked at; exits 1 at the first wrong thing.
The driver is drivers/testfreq.c, as there is no frequency to be set in a guest.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ainkad.ring import RingReader

from .machine import Module, check, machine, policy, read, same, until

NO_LATENCY = 2_000_000_000
POLICY = Path("/sys/devices/system/cpu/cpufreq/policy0")
DRIVER = "/tmp/drivers/testfreq.ko"


def latency() -> int:
    """What the kernel takes from all votes, in microseconds."""
    fd = os.open("/dev/cpu_dma_latency", os.O_RDONLY)
    try:
        return int(struct.unpack("i", os.read(fd, 4))[0])
    finally:
        os.close(fd)


@contextlib.contextmanager
def somebody_votes(us: int) -> Iterator[None]:
    """Another vote, held as any process may."""
    fd = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
    os.write(fd, struct.pack("i", us))
    try:
        yield
    finally:
        os.close(fd)


def cpu_latency(module: Module) -> None:
    """Our vote counts with those of others, and goes alone."""
    name = "pm_qos.cpu_latency_us"
    check(latency() == NO_LATENCY, "somebody votes already")
    for _ in range(20):
        with policy(module, {name: "50us"}):
            check(latency() == 50, f"the latency is {latency()}")
        check(latency() == NO_LATENCY, f"the latency is {latency()} after the policy")
    with policy(module, {name: "50"}):
        with somebody_votes(10):
            check(latency() == 10, "the smaller vote does not count")
            check(module.tunable(name)["current"] == 50, "another's vote is shown as ours")
        check(latency() == 50, "our vote has gone with another's")
    with somebody_votes(30):
        with policy(module, {name: "50"}):
            check(latency() == 30, "the larger vote counts")
        check(latency() == 30, "another's vote has gone with ours")
    with RingReader("/dev/ainka"):
        module.client.request("lease-renew")
        module.add("lease", {name: "7"}, origin="experiment")
        module.applied([name])
        check(latency() == 7, "no vote")
    until(lambda: latency() == NO_LATENCY, "the end of the lease", 60)
    module.add("check", {name: "9"})
    module.applied([name])
    module.client.close()
    subprocess.run(["rmmod", "ainka"], check=True)
    check(latency() == NO_LATENCY, f"the latency is {latency()} after rmmod")
    subprocess.run(["modprobe", "ainka"], check=True)
    module.reopen()


@contextlib.contextmanager
def frequency(module: Module, per_policy: bool = False) -> Iterator[None]:
    """The machine has frequencies, meanwhile."""
    plug(per_policy)
    try:
        yield
    finally:
        unplug()


def plug(per_policy: bool = False) -> None:
    """Load the driver."""
    subprocess.run(["insmod", DRIVER, f"per_policy={int(per_policy)}"], check=True)
    check(POLICY.is_dir(), "the driver has made no policy")


def unplug() -> None:
    """Remove it."""
    subprocess.run(["rmmod", "testfreq"], check=True)


def limits() -> list[str]:
    """What is in force after all votes."""
    return [(read(POLICY / f"scaling_{m}_freq") or "").strip() for m in ("min", "max")]


def in_force(low: int, high: int) -> None:
    """The core works a vote in a little later."""
    until(lambda: limits() == [str(low), str(high)], f"limits {low} to {high}")


VOTES = {"cpufreq.policy0.min_freq_khz": "1600MHz", "cpufreq.policy0.max_freq_khz": "2400000"}


def votes(module: Module) -> None:
    """Least and greatest frequency, with the administrator's own limits beside them."""
    with frequency(module):
        before = machine()
        check(limits() == ["800000", "3200000"], f"{limits()}")
        for _ in range(20):
            with policy(module, VOTES):
                in_force(1_600_000, 2_400_000)
            in_force(800_000, 3_200_000)
            same(before, machine(), "after votes")
        with policy(module, VOTES):
            (POLICY / "scaling_min_freq").write_text("2400000")
            in_force(2_400_000, 2_400_000)
        in_force(2_400_000, 3_200_000)
        (POLICY / "scaling_min_freq").write_text("800000")
        in_force(800_000, 3_200_000)
        for name, value, word in (("min_freq_khz", "100", "800000 to 3200000"),
                                  ("max_freq_khz", "4GHz", "800000 to 3200000"),
                                  ("governor", "turbo", "schedutil")):  # fmt: skip
            said = module.refused(f"cpufreq.policy0.{name}", value)
            check(word in said, said)
        with RingReader("/dev/ainka"):
            module.client.request("lease-renew")
            module.add("lease", VOTES, origin="experiment")
            module.applied(VOTES)
            in_force(1_600_000, 2_400_000)
        in_force(800_000, 3_200_000)
        module.add("check", VOTES)
        module.applied(VOTES)
        in_force(1_600_000, 2_400_000)
        module.client.close()
        subprocess.run(["rmmod", "ainka"], check=True)
        in_force(800_000, 3_200_000)
        same(before, machine(), "after rmmod")
        subprocess.run(["modprobe", "ainka"], check=True)
        module.reopen()


def pulled(module: Module) -> None:
    """The driver goes, and comes back, with votes and a governor in force; a CPU goes offline."""
    everything = {**VOTES, "cpufreq.policy0.governor": "performance"}
    with frequency(module):
        before = machine()
        module.add("check", everything)
        module.applied(everything)
        in_force(1_600_000, 2_400_000)
        unplug()
        until(lambda: module.held() == 0, "forgetting the frequency policy")
        plug()
        module.applied(everything)
        in_force(1_600_000, 2_400_000)
        check(read(POLICY / "scaling_governor") == "performance\n", "no governor after coming back")
        module.remove("check")
        in_force(800_000, 3_200_000)
        same(before, machine(), "after the driver had gone and come")

        cpu1 = {"cpufreq.policy1.min_freq_khz": "1600000"}
        online = Path("/sys/devices/system/cpu/cpu1/online")
        lowest = POLICY.with_name("policy1") / "scaling_min_freq"
        module.add("check", cpu1)
        module.applied(cpu1)
        until(lambda: read(lowest) == "1600000\n", "a vote on CPU 1")
        online.write_text("0")
        online.write_text("1")
        until(lambda: read(lowest) == "1600000\n", "the vote after CPU 1 was offline")
        online.write_text("0")
        module.remove("check")
        online.write_text("1")
        until(lambda: read(lowest) == "800000\n", "no vote after CPU 1 was offline")
        same(before, machine(), "after a CPU was offline")
        module.add("check", everything)
        module.applied(everything)
    until(lambda: module.held() == 0, "forgetting the frequency policy")
    module.client.request("policy-remove", {"name": "check"})
    module.settled()


def governors(module: Module) -> None:
    """From every governor with settings of its own to every other and back."""
    for name in ("ondemand", "conservative", "powersave", "userspace"):
        subprocess.run(["modprobe", f"cpufreq_{name}"], check=True)
    names = ("performance", "powersave", "userspace", "ondemand", "conservative", "schedutil")
    for per_policy in (False, True):
        with frequency(module, per_policy):
            for begin in names:
                (POLICY / "scaling_governor").write_text(begin)
                settings = [POLICY / begin, POLICY.parent / begin]
                files = [path for folder in settings for path in sorted(folder.glob("*"))]
                for path in files:
                    text = (read(path) or "").strip()
                    if path.name in ("up_threshold", "rate_limit_us", "sampling_down_factor"):
                        path.write_text(str(int(text) + 1))
                if begin == "userspace":
                    (POLICY / "scaling_setspeed").write_text("2400000")
                before = machine()
                print(f"{begin}: {len(files)} settings")
                for other in names:
                    with policy(module, {"cpufreq.policy0.governor": other}):
                        check(read(POLICY / "scaling_governor") == f"{other}\n", f"not {other}")
                    same(before, machine(), f"{begin} after {other}")


CHECKS = {f.__name__: f for f in (cpu_latency, votes, pulled, governors)}


def main() -> None:
    """Run one check."""
    CHECKS[sys.argv[1]](Module())
    print("all right")


if __name__ == "__main__":
    main()
