# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: every tunable of the system by every way back to its baseline.

Usage: python3 -m checks.tunables CHECK. Prints what it looked at; exits 1 at the first wrong thing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ainkad.ring import RingReader

from .machine import Module, check, machine, policy, read, same, until

#: Where an administrator would write, for those whose name does not say it.
ATTRIBUTE = {
    "thp.enabled": "/sys/kernel/mm/transparent_hugepage/enabled",
    "thp.defrag": "/sys/kernel/mm/transparent_hugepage/defrag",
    "khugepaged.scan_sleep_ms": "scan_sleep_millisecs",
    "khugepaged.alloc_sleep_ms": "alloc_sleep_millisecs",
    "sysctl.net.ipv4.tcp_rmem_max": "/proc/sys/net/ipv4/tcp_rmem",
    "sysctl.net.ipv4.tcp_wmem_max": "/proc/sys/net/ipv4/tcp_wmem",
}
FOLDER = {
    "khugepaged": "/sys/kernel/mm/transparent_hugepage/khugepaged",
    "lru_gen": "/sys/kernel/mm/lru_gen",
    "zswap": "/sys/module/zswap/parameters",
}
#: What these kernels do not have, and nothing else is absent there.
ABSENT = {
    "6.1": {"zswap.shrinker_enabled"},
    "6.12": {"kernel.sched_child_runs_first"},
}
AT_ONCE = 8


def attribute(name: str) -> Path:
    """The file behind a tunable of the system."""
    if name in ATTRIBUTE:
        path = ATTRIBUTE[name]
        return Path(path if path.startswith("/") else f"{FOLDER[name.split('.')[0]]}/{path}")
    kind, _, rest = name.partition(".")
    if kind == "sysctl":
        return Path("/proc/sys", rest.replace(".", "/"))
    return Path(FOLDER[kind], rest)


def names(row: dict[str, Any]) -> list[str]:
    """The words that are values, without their numbers."""
    return [pair.partition("=")[0] for pair in row.get("values", "").split()]


def other_value(row: dict[str, Any]) -> str:
    """A value within the bounds that is not the present one."""
    low, high, now = int(row["min"]), int(row["max"]), int(row["current"])
    if not low <= now <= high:
        return str(low)
    step = max(1, now // 8) if high - low > 8 else 1
    return str(now + step if now + step <= high else now - step)


def subjects(module: Module) -> dict[str, dict[str, Any]]:
    """Tunables of the system that this machine has and that are files."""
    kinds = ("sysctl.", "thp.", "khugepaged.", "lru_gen.", "zswap.")
    rows = module.tunables()
    return {n: r for n, r in rows.items() if n.startswith(kinds) and "absent" not in r}


def settings(module: Module) -> dict[str, str]:
    """Another value for each of them."""
    wanted = {}
    for name, row in subjects(module).items():
        if name.endswith("tcp_congestion_control"):
            wanted[name] = "reno"
        elif name == "thp.enabled":
            wanted[name] = "never" if "[never]" not in (read(attribute(name)) or "") else "always"
        elif name == "lru_gen.enabled":
            # on some machines the kernel masks the other bits
            wanted[name] = "0" if int(row["current"]) else "1"
        else:
            wanted[name] = other_value(row)
    return wanted


def push_all(module: Module, **more: Any) -> dict[str, str]:
    """Policies that set everything."""
    wanted = settings(module)
    items = list(wanted.items())
    for i in range(0, len(items), AT_ONCE):
        module.add(f"all{i}", dict(items[i : i + AT_ONCE]), **{"rate-per-min": 6000, **more})
    return wanted


def listing(module: Module) -> None:
    """What is absent has a reason, and is what we know to be absent."""
    release = Path("/proc/sys/kernel/osrelease").read_text()
    known = next(gone for kernel, gone in ABSENT.items() if release.startswith(kernel + "."))
    rows = module.tunables()
    absent = {n.removeprefix("sysctl.") for n, r in rows.items() if "absent" in r}
    for name, row in rows.items():
        print(f"{name}: {row.get('current')} {row.get('unit')} {row.get('absent', '')}")
        if "absent" in row:
            check(len(row["absent"]) > 10, f"{name} is absent without a reason")
        elif row["subject"] == "system":
            check("current" in row, f"{name} is there and has no value")
    cpufreq = {n for n in absent if n.startswith("cpufreq.")}
    check(absent - cpufreq == known, f"absent are {absent}, expected {known}")
    check(len(cpufreq) in (0, 3), f"of CPU frequency {cpufreq} are absent")


def removal(module: Module) -> None:
    """One after the other: set, see it in the file, remove, find the whole machine as before."""
    before = machine()
    for name, value in settings(module).items():
        old = read(attribute(name))
        with policy(module, {name: value}):
            new = read(attribute(name))
            print(f"{name}: {old!r} -> {new!r}")
            check(old != new, f"{name}={value} has changed nothing")
            row = module.tunable(name)
            check(row["current"] == row["written"], f"{name}: {row}")
        same(before, machine(), f"after {name}")


def twenty(module: Module) -> None:
    """All at once, on and off, twenty times."""
    before = machine()
    for _ in range(20):
        wanted = push_all(module)
        module.applied(wanted)
        for row in list(module.client.dump("policy-get")):
            module.client.request("policy-remove", {"name": row["name"]})
        module.settled()
        same(before, machine(), "after on and off")


def unload(module: Module) -> None:
    """rmmod with everything changed."""
    before = machine()
    module.applied(push_all(module))
    check(machine() != before, "nothing has changed")
    module.client.close()
    subprocess.run(["rmmod", "ainka"], check=True)
    same(before, machine(), "after rmmod")
    subprocess.run(["modprobe", "ainka"], check=True)


def lease(module: Module) -> None:
    """The holder of the lease goes away with everything changed."""
    before = machine()
    with RingReader("/dev/ainka"):
        module.client.request("lease-renew")
        wanted = push_all(module, origin="learner")
        module.client.request("state-set", {"state": "optimizing"})
        module.client.request("lease-renew")
        module.applied(wanted)
        check(machine() != before, "nothing has changed")
    until(lambda: not module.busy(), "the end of the lease", 60)
    same(before, machine(), "after the lease")
    check(not list(module.client.dump("policy-get")), "policies outlive the lease")


#: What an administrator writes, and what else that changes.
FOREIGN = {
    "sysctl.vm.swappiness": ("77", ()),
    "sysctl.vm.dirty_bytes": (
        "123456512",
        ("dirty_ratio", "dirty_background_ratio", "dirty_background_bytes"),
    ),
    "thp.enabled": ("madvise", ("min_free_kbytes",)),
    "sysctl.net.ipv4.tcp_congestion_control": ("cubic", ()),
    "sysctl.net.ipv4.tcp_rmem_max": ("4096 131072 7000000", ()),
    "khugepaged.pages_to_scan": ("777", ()),
    "lru_gen.enabled": ("2", ()),
    "zswap.max_pool_percent": ("33", ()),
}


def foreign(module: Module) -> None:
    """The administrator writes one of them while all are held: that one alone stays."""
    before = machine()
    for victim, (text, others) in FOREIGN.items():
        module.applied(push_all(module))
        path = attribute(victim)
        path.write_text(text)
        left = read(path)
        module.client.request("reset")
        module.settled()
        print(f"{victim}: the administrator's {left!r} stays")
        check(read(path) == left, f"{victim}: {left!r} was overwritten by {read(path)!r}")
        told = [d["verdict"] for d in module.decisions() if d["tunable"] == victim]
        check("yielded" in told, f"{victim}: {told}")
        after = machine()
        differ = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        allowed = {str(path), *(f"/proc/sys/vm/{name}" for name in others)}
        check(differ <= allowed, f"{victim}: also changed: {differ - allowed}")
        restart(module, before)


def restart(module: Module, before: dict[str, str | None]) -> None:
    """Put by hand what the administrator is supposed to have changed, and load the module anew."""
    module.client.close()
    subprocess.run(["rmmod", "ainka"], check=True)
    for name in ("dirty_ratio", "dirty_background_ratio"):
        Path("/proc/sys/vm", name).write_text("1")
    for name, text in before.items():
        if text is None or read(name) == text:
            continue
        if "[" in text:
            text = text[text.index("[") + 1 : text.index("]")]
        Path(name).write_text(text)
    same(before, machine(), "by hand")
    subprocess.run(["modprobe", "ainka"], check=True)
    module.reopen()


BAD = {
    "sysctl.vm.dirty_bytes": ["0", "1", "-5", "lots"],
    "thp.enabled": ["sometimes", "7", "-1"],
    "thp.defrag": ["defers", "9"],
    "lru_gen.enabled": ["8", "y"],
    "sysctl.net.ipv4.tcp_congestion_control": ["bbr", "nonsense", "17"],
    "sysctl.net.ipv4.tcp_rmem_max": ["70000", "99999999999"],
    "pm_qos.cpu_latency_us": ["-1", "2000000000"],
    "khugepaged.max_ptes_none": ["512"],
    "netns.1.net.ipv4.tcp_ecn": ["1"],
    "netns..net.ipv4.tcp_ecn": ["1"],
    "netns.4026531840.vm.swappiness": ["1"],
    "cpufreq.policy99.min_freq_khz": ["1"],
}


def bad(module: Module) -> None:
    """What cannot be is refused in words that name it, and nothing changes."""
    before = machine()
    for name, values in BAD.items():
        for value in values:
            said = module.refused(name, value)
            print(f"{name}={value}: {said}")
            check(name in said or value in said, f"{name}={value}: {said}")
    check("modprobe tcp_bbr" in module.refused("sysctl.net.ipv4.tcp_congestion_control", "bbr"),
          "the module of bbr is not named")  # fmt: skip
    check("bbr" not in Path("/proc/modules").read_text(), "a module was loaded")
    same(before, machine(), "after what was refused")


CHECKS = {f.__name__: f for f in (listing, removal, twenty, unload, lease, foreign, bad)}


def main() -> None:
    """Run one check."""
    CHECKS[sys.argv[1]](Module())
    print("all right")


if __name__ == "__main__":
    main()
