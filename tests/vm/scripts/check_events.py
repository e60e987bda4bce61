#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Events posted by BPF programs, seen from user space: check_events.py CHECK [OBJECT].

Each check loads the object, does its work, prints what it saw, and fails with a reason.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ainkad.bpf import BpfObject
from ainkad.bpf.libbpf import library
from ainkad.netlink.client import Client
from ainkad.signals_gen import BY_NAME

SIGNAL, PID, START_NS, TIMES = range(4)
MANY = 1 << 40
PARAMETERS = Path("/sys/module/ainka/parameters")
SWAPPINESS = Path("/proc/sys/vm/swappiness")
TASK_SIGNAL = BY_NAME["task.fork_rate_hz"]
SWITCH, TIMER, NMI, WITHIN = range(4)


def check(condition: object, words: str) -> None:
    if not condition:
        raise SystemExit(f"FAILED: {words}")


def until(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait for a condition; a slow machine makes it take longer, not fail."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


class Array:
    """A BPF array of u64."""

    def __init__(self, bpf: BpfObject, name: str) -> None:
        self._fd = bpf.map_fd(name)
        self._lib = library()
        self._update = self._lib["bpf_map_update_elem"]
        self._update.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64]

    def __setitem__(self, key: int, value: int) -> None:
        one, two = ctypes.c_uint32(key), ctypes.c_uint64(value & (1 << 64) - 1)
        check(self._update(self._fd, ctypes.byref(one), ctypes.byref(two), 0) == 0, "map update")

    def __getitem__(self, key: int) -> int:
        one, two = ctypes.c_uint32(key), ctypes.c_uint64()
        found = self._lib.bpf_map_lookup_elem(self._fd, ctypes.byref(one), ctypes.byref(two))
        check(found == 0, "map lookup")
        return two.value

    def by_error(self, first: int = 0) -> dict[str, int]:
        """Nonzero counts of 64 entries by the name of the errno."""
        counts = {code: self[first + code] for code in range(64)}
        return {errno.errorcode.get(c, "0"): n for c, n in counts.items() if n}


def load(path: str) -> BpfObject:
    bpf = BpfObject(path)
    for state in bpf.attach_all():
        check(state.attached, f"{state.name} is not attached: {state.reason}")
    return bpf


def post(value: int) -> None:
    """What tests/vm/bpf/post.bpf.c waits for; the call itself fails."""
    ctypes.CDLL(None).syscall(146, ctypes.c_int(value))


def configure(config: Array, signal: int, pid: int = 0, start_ns: int = 0, times: int = 1) -> None:
    for key, value in ((SIGNAL, signal), (PID, pid), (START_NS, start_ns), (TIMES, times)):
        config[key] = value


def start_ns(pid: int) -> int:
    """Start time of a task, within a clock tick."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return ticks * 10**9 // os.sysconf("SC_CLK_TCK")


def policy(client: Client, when: str, tunable: str, value: str, **more: Any) -> None:
    subject = "task" if tunable.startswith("task.") else "system"
    request = {"name": "test", "subject": subject, "when": when, "rate-per-min": 1_000_000}
    action = [{"tunable": tunable, "value": value}]
    client.request("policy-add", {**request, "action": action, "replace": True, **more})


def external(client: Client, name: str) -> int:
    """Register an external signal; returns its id."""
    number: int = client.request("signal-set", {"name": name, "max-age-ns": 3600 * 10**9})["id"]
    return number


def spin() -> subprocess.Popen[bytes]:
    task = subprocess.Popen(["sleep", "1000"])
    atexit.register(task.kill)
    return task


def is_now(seen: Callable[[], int], wanted: int) -> bool:
    return seen() == wanted


def is_nice(pid: int) -> int:
    return int(os.getpriority(os.PRIO_PROCESS, pid) == 7)


def counter_is(client: Client, name: str, wanted: int) -> bool:
    return bool(client.request("state-get")[name] == wanted)


def measure(change: Callable[[int], object], seen: Callable[[], int], values: list[int]) -> float:
    """Post the values in turn; the median time from a post to the change, in seconds."""
    times = []
    for value in values:
        begin = time.monotonic()
        change(value)
        wanted = 1 if value else 0
        check(until(partial(is_now, seen, wanted)), f"no reaction to {value}")
        times.append(time.monotonic() - begin)
        time.sleep(0.01)
    print(f"{len(times)} reactions, median {statistics.median(times) * 1e3:.2f} ms")
    return statistics.median(times)


def react(client: Client, path: str) -> None:
    """Events change a task and the system, long before the tick comes."""
    (PARAMETERS / "tick_us").write_text("1000000")
    tick_s = 1.0
    with load(path) as bpf:
        config = Array(bpf, "config")
        task = spin()
        # no map of tasks is attached: what is known of the task came with the event
        policy(client, f"task.fork_rate_hz > 500 and task.pid == {task.pid}", "task.nice", "7")
        configure(config, TASK_SIGNAL.id, task.pid)
        nice = partial(is_nice, task.pid)
        median = measure(post, nice, [1000, 0] * 10)
        # it would be half a tick if the tick did it
        check(median < tick_s / 4, f"a reaction took {median} s: that is the tick's")

        # the value holds until it is stale, and walks over the tasks in between keep it
        post(1000)
        check(until(nice), "no reaction")
        time.sleep(TASK_SIGNAL.max_age_ns / 1e9 / 2)
        check(nice(), "a walk has forgotten the event")
        check(until(lambda: not nice()), "the event never grows stale")
        task.kill()

        before = int(SWAPPINESS.read_text())
        number = external(client, "test.load_permille")
        policy(client, "test.load_permille > 500", "sysctl.vm.swappiness", "11")
        configure(config, number)
        median = measure(post, lambda: int(int(SWAPPINESS.read_text()) == 11), [900, 0] * 10)
        check(median < tick_s / 4, f"a reaction took {median} s: that is the tick's")
        check(int(SWAPPINESS.read_text()) == before, "the baseline is not back")

        # the system's signal counts for policies of tasks, too
        task = spin()
        nice = partial(is_nice, task.pid)
        policy(
            client,
            f"test.load_permille > 500 and task.fork_rate_hz > 5 and task.pid == {task.pid}",
            "task.nice", "7",
        )  # fmt: skip
        configure(config, TASK_SIGNAL.id, task.pid)
        post(10)
        configure(config, number)
        median = measure(post, nice, [900, 0] * 3)
        check(median < tick_s / 4, f"a reaction took {median} s: that is the tick's")
        task.kill()
    status = client.request("state-get")
    print({k: v for k, v in status.items() if k.startswith("post")})
    check(status["posts-changed"] >= 46, "changes by events are not counted")


def bad(client: Client, path: str) -> None:
    """What cannot be posted is refused, counted, and changes nothing."""
    with load(path) as bpf:
        config, results = Array(bpf, "config"), Array(bpf, "results")
        own = os.getpid()
        cases = {
            "no such signal": (0x1000, 0, 0, "EINVAL"),
            "no such bank": (0xFF00, 0, 0, "EINVAL"),
            "more than 16 bits": (MANY + 5, 0, 0, "EINVAL"),
            "an index behind the last": (BY_NAME["ainka.uptime_ms"].id + 100, 0, 0, "EINVAL"),
            "an external signal that is not there": (255, 0, 0, "EINVAL"),
            "measured by the module": (BY_NAME["sched.switch_rate_hz"].id, 0, 0, "EINVAL"),
            "measured of tasks": (BY_NAME["task.cpu_share_permille"].id, own, 0, "EINVAL"),
            "a task's signal of nobody": (TASK_SIGNAL.id, 0, 0, "EINVAL"),
            "the system's signal of a task": (external(client, "test.x_count"), own, 0, "EINVAL"),
            "a task that is not there": (TASK_SIGNAL.id, 4_000_000, 0, "0"),
            "a pid beyond all": (TASK_SIGNAL.id, 0xFFFFFFFF, 0, "0"),
            "a pid that is another's": (TASK_SIGNAL.id, own, 12345, "0"),
        }
        policy(client, "task.fork_rate_hz > 0", "task.nice", "7")
        for words, (signal, pid, start, expected) in cases.items():
            before, status = results.by_error(), client.request("state-get")
            configure(config, signal, pid, start)
            post(1000)
            after = results.by_error()
            got = {k: n - before.get(k, 0) for k, n in after.items() if n != before.get(k, 0)}
            check(got == {expected: 1}, f"{words}: {got}, expected {expected}")
            counter = "posts-lost" if expected == "0" else "posts-refused"
            if signal < MANY:
                check(
                    until(partial(counter_is, client, counter, status[counter] + 1)),
                    f"{words}: not counted in {counter}",
                )
        held = [row for row in client.dump("tunable-get") if "baseline" in row]
        check(not held, f"changed: {held}")
        print(results.by_error())


def contexts(client: Client, path: str) -> None:
    """From under a run queue's lock, from interrupts, from NMI, and from within itself."""
    number = external(client, "test.load_permille")
    policy(client, "test.load_permille > 500", "sysctl.vm.swappiness", "11")
    with load(path) as bpf:
        Array(bpf, "config")[0] = number
        results = Array(bpf, "results")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            time.sleep(0.001)
        # asks the other CPUs for a backtrace, which they give in an NMI
        for _ in range(5):
            Path("/proc/sysrq-trigger").write_text("l")
            time.sleep(0.1)
        names = {"switch": SWITCH, "timer": TIMER, "nmi": NMI, "within": WITHIN}
        counts = {name: results.by_error(64 * i) for name, i in names.items()}
    print(counts)
    for name in ("switch", "timer"):
        check(counts[name].get("0", 0) > 0, f"no event was taken from {name}")
        check(set(counts[name]) <= {"0", "EAGAIN", "ENOSPC", "EBUSY"}, f"{name}: {counts[name]}")
    # others queue such work too, and from there a post is as good as any
    check(counts["within"].get("EBUSY", 0) > 0, f"a post within a post: {counts['within']}")
    if counts["nmi"]:
        check(set(counts["nmi"]) == {"EBUSY"}, f"from NMI: {counts['nmi']}")
    print("NMI: refused" if counts["nmi"] else "NMI: none came, nothing seen")
    check(counts["nmi"], "no NMI came")


def flood(client: Client, path: str) -> None:
    """A program of somebody else posts as fast as it can; the machine and the others go on."""
    mine, foreign = external(client, "test.mine_count"), external(client, "test.foreign_count")
    policy(client, "test.mine_count > 5", "sysctl.vm.swappiness", "11")
    before = int(SWAPPINESS.read_text())
    with load(path) as stranger, load(path) as bpf:
        flood_config, config = Array(stranger, "config"), Array(bpf, "config")
        results = Array(stranger, "results")
        configure(flood_config, foreign, times=1000)
        configure(config, mine, times=1)
        begin, posts = time.monotonic(), 0
        while time.monotonic() - begin < 3:
            post(1)
            posts += 1
        took = time.monotonic() - begin
        status = client.request("state-get")
        seen = results.by_error()
        print(f"{posts * 1000} posts in {took:.1f} s: {seen}")
        print({k: v for k, v in status.items() if k.startswith("post")})
        check(seen.get("EAGAIN", 0) > 10 * seen["0"], "a flood is not limited")
        # 1000 a second, 64 at once; that is counted in the kernel's time
        check(seen["0"] <= 1000 * (took + 2) + 64, f"{seen['0']} taken in {took} s")
        check(status["posts-limited"] >= seen["EAGAIN"], "what was dropped is not counted")
        # somebody else's event gets through meanwhile
        configure(flood_config, foreign, times=100)
        post(50)
        check(until(lambda: int(SWAPPINESS.read_text()) == 11), "the flood has starved others")
    client.request("policy-remove", {"name": "test"})
    check(int(SWAPPINESS.read_text()) == before, "the baseline is not back")


def storm(client: Client, path: str) -> None:
    """ebpf/proc.bpf.c, or the module's own probe: a process that makes threads is slowed down."""
    (PARAMETERS / "tick_us").write_text("1000000")
    program = BpfObject(path) if path else None
    if program:
        for state in program.attach_all():
            check(state.attached, f"{state.name} is not attached: {state.reason}")
    code = "import threading\nwhile True:\n t = threading.Thread(target=int); t.start(); t.join()"
    maker = subprocess.Popen([sys.executable, "-c", code])
    atexit.register(maker.kill)
    when = f"task.fork_rate_hz > 20 and task.pid == {maker.pid}"
    policy(client, when, "task.nice", "7")
    if not until(partial(is_nice, maker.pid), 60):
        system = client.request("signal-get", {"name": "proc.fork_rate_hz"})
        check(False, f"a process that makes threads is left alone; {system}")
    rows = client.dump("signal-get", {"subject": "task"})
    rates = [r for r in rows if r["name"] == "task.fork_rate_hz" and r["pid"] == maker.pid]
    print(rates)
    check(rates and rates[0].get("value", 0) > 20, "the rate is not shown")
    system = client.request("signal-get", {"name": "proc.fork_rate_hz"})
    check(system.get("value", 0) > 20, f"the machine's rate: {system}")
    status = client.request("state-get")
    print({k: v for k, v in status.items() if k.startswith("post")})
    check((status["posts-bpf"] > 0) == bool(program), "posted by the wrong one")
    maker.kill()
    if program:
        program.close()


CHECKS = {"react": react, "bad": bad, "contexts": contexts, "flood": flood, "storm": storm}


def main() -> int:
    """Run one of the checks."""
    # they turn tunables back and forth, which would be oscillation
    (PARAMETERS / "park_turns").write_text("1000000")
    with Client() as client:
        CHECKS[sys.argv[1]](client, sys.argv[2] if len(sys.argv) > 2 else "")
    print("all right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
