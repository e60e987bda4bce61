# SPDX-License-Identifier: Apache-2.0
"""Every door of the module with every allocation failing once. Runs in the debug kernel's guest.

Whatever fails, the module must be as it was before or as if the operation had succeeded, and the
operation must work afterwards. The same is done to the module's own workers. python3 -m
failing.operations prints how many allocations each operation made, and ends with
``operations: done``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ainkad.bpf import BpfObject
from ainkad.errors import AinkaError
from ainkad.netlink.attributes import encode
from ainkad.netlink.client import Client, open_socket
from ainkad.netlink.message import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    build,
    split,
)
from ainkad.netlink.spec_gen import FAMILY, OPERATIONS

from .loading import unload
from .nth import MOST, Nth, Wrong, set_up, until

SWAPPINESS = Path("/proc/sys/vm/swappiness")

Values = dict[str, Any]


class Door:
    """A netlink socket that sends prepared messages and allocates as little as it can."""

    def __init__(self, family: int) -> None:
        self._family = family
        self._socket = open_socket(20.0)
        self._sequence = 0

    def message(self, operation: str, values: Mapping[str, Any], dump: bool) -> bytes:
        """A request as it goes on the wire."""
        op = OPERATIONS[operation]
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
        self._sequence += 1
        body = encode(op.attribute_set, values)
        return build(self._family, flags, self._sequence, op.command, FAMILY.version, body)

    def send(self, message: bytes) -> int:
        """Send and read all answers; returns the errno, 0 if it succeeded."""
        try:
            self._socket.send(message)
            while True:
                for answer in split(self._socket.recv(1 << 18)):
                    if answer.type in (NLMSG_ERROR, NLMSG_DONE) and len(answer.payload) >= 4:
                        return -int(struct.unpack_from("=i", answer.payload)[0])
        except OSError as error:
            return error.errno or errno.EIO

    def renew(self) -> None:
        """A new socket: what is left in the old one would confuse the next request."""
        self._socket.close()
        self._socket = open_socket(20.0)


class Module:
    """The loaded module, as an ordinary client sees it."""

    def __init__(self) -> None:
        self.client = Client()
        self.door = Door(self.client._family_id)

    def message(self, case: Case) -> bytes:
        """The request of a case as it goes on the wire."""
        values = case.values(self) if callable(case.values) else case.values
        return self.door.message(case.operation, values, case.dump)

    def picture(self) -> object:
        """What it shows of policies, tunables and state."""
        state = self.client.request("state-get", {"brief": True})
        state.pop("since-ns")
        policies = [(p["name"], p["version"]) for p in self.client.dump("policy-get")]
        held = sorted(
            (t["name"], t.get("pid", 0), t["baseline"])
            for t in self.client.dump("tunable-get")
            if "baseline" in t
        )
        return state, policies, held

    def clear(self) -> None:
        """No policies, enforcement on, and everything back at its baseline."""
        for policy in self.client.dump("policy-get"):
            self.client.request("policy-remove", {"name": policy["name"]})
        self.client.request("state-set", {"enforce": 1, "state": "learning"})
        until(lambda: self.held() == 0, "tunables stay away from their baseline")

    def held(self) -> int:
        """How many tunables are away from their baseline."""
        return int(self.client.request("state-get")["held"])


POLICY: Values = {
    "name": "fails",
    "when": "ainka.uptime_ms > 0 and sched.run_delay_p99_us >= 0 or ainka.uptime_ms > 1",
    "until": "ainka.uptime_ms < 0",
    "action": [{"tunable": "sysctl.vm.swappiness", "value": "11"}],
}
TASK_POLICY: Values = {
    "name": "fails",
    "subject": "task",
    "when": "task.age_ms < 0",
    "action": [{"tunable": "task.nice", "value": "5"}, {"tunable": "task.policy", "value": "idle"}],
}


class Case:
    """One request: what has to be there before, and what is sent.

    ``prepare`` runs before each attempt with nothing failing, and ``values`` may depend on what it
    has made. What a worker does about it is waited for, for ``settle_s``.
    """

    def __init__(
        self,
        operation: str,
        values: Values | Callable[[Module], Values],
        *,
        dump: bool = False,
        prepare: Callable[[Module], object] = lambda module: None,
        label: str = "",
        settle_s: float = 0.0,
    ) -> None:
        self.settle_s = settle_s
        self.operation = operation
        self.values = values
        self.dump = dump
        self.prepare = prepare
        self.label = label or f"{operation}{' (dump)' if dump else ''}"


def there(module: Module) -> None:
    module.client.request("policy-add", POLICY)


def decided(module: Module) -> int:
    """A decision to ask for."""
    there(module)
    return max(int(d["id"]) for d in module.client.dump("decision-get"))


def applied(module: Module) -> None:
    """The policy is in force, and has been decided on."""
    there(module)
    until(lambda: module.held() == 1, "the policy is not applied")


def newest(module: Module) -> Values:
    """The decision that put it in force."""
    return {
        "id": max(
            int(d["id"]) for d in module.client.dump("decision-get") if d["verdict"] == "applied"
        )
    }


def cases(bpf: BpfObject, decision: int) -> list[Case]:
    """Every operation there is; ``check_complete`` sees to it."""
    maps = [
        Case("map-attach", {"role": role, "fd": bpf.map_fd(name)}, label=f"map-attach {role}")
        for role, name in (("sched-stats", "sched_stats"), ("tasks", "tasks"))
    ]
    return [
        # First: the module remembers the last few hundred decisions.
        Case("decision-get", {"id": decision}),
        Case("decision-get", {}, dump=True),
        Case("lease-renew", {}),
        *maps,
        Case("policy-add", POLICY),
        Case("policy-add", TASK_POLICY, label="policy-add (task)"),
        Case("policy-add", {**POLICY, "replace": True}, prepare=there, label="policy-add (again)"),
        Case("policy-add", {**POLICY, "when": "no.such > 0"}, label="policy-add (refused)"),
        Case("policy-get", {"name": "fails"}, prepare=there),
        Case("policy-get", {}, dump=True, prepare=there),
        Case("policy-remove", {"name": "fails"}, prepare=there),
        Case("policy-remove", {"name": "nobody"}, label="policy-remove (refused)"),
        Case("signal-get", {"name": "ainka.uptime_ms"}),
        Case("signal-get", {}, dump=True),
        Case("signal-get", {"subject": "task"}, dump=True, label="signal-get (dump of tasks)"),
        Case("tunable-get", {"name": "sysctl.vm.swappiness"}, prepare=there),
        Case("tunable-get", {"name": "block.none.read_ahead_kb"}, label="tunable-get (rescan)"),
        Case("tunable-get", {}, dump=True, prepare=there),
        Case("state-get", {}),
        Case("state-set", {"state": "optimizing"}),
        Case("state-set", {"enforce": 0}, prepare=there),
        Case("decision-undo", newest, prepare=applied, settle_s=0.3),
        Case("decision-undo", {"id": 1 << 40}, label="decision-undo (refused)"),
        Case("policy-resume", {"name": "fails"}, prepare=there),
        Case("tunable-release", {"name": "sysctl.vm.swappiness"}, prepare=applied),
        Case("signal-set", {"name": "test.failing", "value": 7, "max-age-ns": 10**9}),
        Case("reset", {}, prepare=there),
    ]


def check_complete(known: list[Case]) -> None:
    """No operation is left out, also of those that come later."""
    missing = set(OPERATIONS) - {case.operation for case in known}
    missing = {name for name in missing if not name.endswith("-ntf")}
    if missing:
        raise Wrong(f"operations without a case here: {', '.join(sorted(missing))}")


def step_through(module: Module, nth: Nth, case: Case) -> int:
    """Fail one allocation after the other; returns how many there were."""
    for n in range(1, MOST):
        module.clear()
        case.prepare(module)
        before = module.picture()
        message = module.message(case)
        with nth.armed(n):
            code = module.door.send(message)
        module.door.renew()
        time.sleep(case.settle_s)
        after = module.picture()
        module.clear()
        case.prepare(module)
        wanted = module.door.send(module.message(case))
        time.sleep(case.settle_s)
        done = module.picture()
        if after not in (before, done):
            raise Wrong(f"{case.label}, allocation {n}, errno {code}: neither before nor after:\n"
                        f"{before}\n{after}\n{done}")  # fmt: skip
        if not nth.reached:
            if code != wanted:
                raise Wrong(f"{case.label}: errno {code} with nothing failing, {wanted} wanted")
            return n - 1
    raise Wrong(f"{case.label} does not end")


def workers(name: str) -> list[str]:
    """The thread ids of the module's workers of that name: one, or several with a number."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if comm.read_text().strip().partition("/")[0] == name:
                found.append(comm.parent.name)
    if not found:
        raise Wrong(f"there is no {name}")
    return found


def workers_fail(module: Module, name: str, tunable: str, value: str, path: Path) -> int:
    """A policy comes and goes while workers' allocations fail; returns how many did."""
    return sum(
        worker_fails(module, thread, tunable, value, path) for thread in sorted(workers(name))
    )


def worker_fails(module: Module, thread: str, tunable: str, value: str, path: Path) -> int:
    """The same for one of them; 0 for one that has nothing to do with the tunable."""
    baseline = path.read_text()
    nth = Nth(thread)
    policy = {**POLICY, "action": [{"tunable": tunable, "value": value}]}
    n = 0
    while n < MOST:
        n += 1
        reached = False
        for request in (policy, None):
            with nth.armed(n):
                if request:
                    module.client.request("policy-add", request)
                    until(lambda: path.read_text().strip() == value, f"{tunable} is not set")
                else:
                    module.client.request("policy-remove", {"name": policy["name"]})
                    until(lambda: path.read_text() == baseline, f"{tunable} is not restored")
            reached |= nth.reached
        until(lambda: module.held() == 0, f"{tunable} stays held")
        if not reached:
            break
    nth.close()
    return n - 1


def read_all(path: str) -> int:
    """Read a file by system calls alone; returns the errno."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        while os.read(fd, 65536):
            pass
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(fd)
    return 0


def write_all(path: str, text: bytes) -> int:
    """Write a file by system calls alone; returns the errno."""
    try:
        fd = os.open(path, os.O_WRONLY)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        os.write(fd, text)
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(fd)
    return 0


ADD = b"policy add fails when ainka.uptime_ms > 0 set sysctl.vm.swappiness=12"


def files_fail(module: Module, nth: Nth) -> Iterator[tuple[str, int]]:
    """The doors that are files: /proc/ainka and the parameters."""
    doors: dict[str, Callable[[], int]] = {
        "read /proc/ainka": lambda: read_all("/proc/ainka"),
        "policy add": lambda: write_all("/proc/ainka", ADD),
        "state emergency": lambda: write_all("/proc/ainka", b"state emergency"),
        "config_update": lambda: write_all("/proc/ainka", b"config_update tick_us=20000"),
        "tick_us": lambda: write_all("/sys/module/ainka/parameters/tick_us", b"10000"),
    }
    for label, operate in doors.items():
        for n in range(1, MOST):
            module.clear()
            with nth.armed(n):
                code = operate()
            if not nth.reached:
                if code:
                    raise Wrong(f"{label}: errno {code} with nothing failing")
                yield label, n - 1
                break
        else:
            raise Wrong(f"{label} does not end")
    module.clear()


def main() -> int:
    """All of them; the exit status is the verdict."""
    set_up()
    baseline = SWAPPINESS.read_text()
    nth = Nth()
    try:
        subprocess.run(["modprobe", "ainka", "lease_ms=600000"], check=True)
        device = os.open("/dev/ainka", os.O_RDWR | os.O_CLOEXEC)
        with BpfObject("/usr/lib/ainka/sched.bpf.o") as bpf:
            bpf.attach_all()
            module = Module()
            module.client.request("lease-renew", {})
            known = cases(bpf, decided(module))
            check_complete(known)
            for case in known:
                print(f"{case.label}: {step_through(module, nth, case)}", flush=True)
            for label, count in files_fail(module, nth):
                print(f"{label}: {count}", flush=True)
            fast = workers_fail(module, "ainka_fast", "sysctl.vm.swappiness", "13", SWAPPINESS)
            print(f"ainka_fast: {fast}", flush=True)
            disk = Path("/sys/block/vda/queue/read_ahead_kb")
            slow = workers_fail(module, "ainka_slow", "block.vda.read_ahead_kb", "64", disk)
            print(f"ainka_slow: {slow}", flush=True)
            module.clear()
        os.close(device)
        until(lambda: unload() == 0, "the module cannot be unloaded")
        if SWAPPINESS.read_text() != baseline:
            raise Wrong(f"swappiness is {SWAPPINESS.read_text()}, it was {baseline}")
    except (Wrong, AinkaError) as error:
        print(f"operations: {error}")
        return 1
    print("operations: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
