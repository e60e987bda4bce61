# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: read-ahead and I/O scheduler of a disk, with everything that goes with them.

Usage: python3 -m checks.blocks CHECK. Prints what it looked at; exits 1 at the first wrong thing.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ainkad.ring import RingReader

from .machine import Module, check, machine, policy, queue_files, read, same, until
from .null_disk import null_disk, plug, reads, unplug

SCHEDULERS = ("none", "mq-deadline", "kyber", "bfq")
MIB = 1 << 20


def queue(disk: str) -> dict[str, str | None]:
    """The text of every attribute of the disk's queue, the scheduler's settings included."""
    return {str(path): read(path) for path in queue_files(disk)}


def attribute(disk: str, name: str) -> Path:
    """One of them."""
    return Path("/sys/block", disk, "queue", name)


def scheduler(disk: str) -> str:
    """The scheduler in force."""
    text = read(attribute(disk, "scheduler")) or ""
    return text[text.index("[") + 1 : text.index("]")]


def load_schedulers() -> None:
    """What an administrator does who wants these schedulers to be had."""
    for name in ("kyber-iosched", "bfq"):
        subprocess.run(["modprobe", name], check=True)


def change_settings(disk: str) -> None:
    """Settings that a switch of the scheduler would lose."""
    attribute(disk, "nr_requests").write_text("37")
    for path in sorted(attribute(disk, "iosched").glob("*")):
        text = (read(path) or "").strip()
        if text.isdigit() and int(text) > 1:
            path.write_text(str(int(text) + 1))


def schedulers(module: Module) -> None:
    """From every scheduler, with settings of its own, to every other and back."""
    load_schedulers()
    with null_disk() as disk:
        for begin in SCHEDULERS:
            attribute(disk, "scheduler").write_text(begin)
            change_settings(disk)
            before = queue(disk)
            print(f"{begin}: {sum('iosched' in name for name in before)} settings")
            for other in SCHEDULERS:
                with policy(module, {f"block.{disk}.scheduler": other}):
                    check(scheduler(disk) == other, f"{other} is not in force")
                same(before, queue(disk), f"{begin} after {other}")


def twenty(module: Module) -> None:
    """On and off twenty times, with the read-ahead."""
    load_schedulers()
    with null_disk() as disk:
        change_settings(disk)
        for disk_, other in ((disk, "bfq"), ("vda", "bfq")):
            before = queue(disk_)
            wanted = {f"block.{disk_}.scheduler": other, f"block.{disk_}.read_ahead_kb": "64"}
            for _ in range(20):
                with policy(module, wanted):
                    check(scheduler(disk_) == other, f"{other} is not in force")
                    check(queue(disk_) != before, "nothing has changed")
                same(before, queue(disk_), "after on and off")


def unload(module: Module) -> None:
    """rmmod with both changed on two disks."""
    load_schedulers()
    with null_disk() as disk:
        before = machine([disk, "vda"])
        wanted = {f"block.{d}.{t}": v for d in (disk, "vda")
                  for t, v in (("scheduler", "bfq"), ("read_ahead_kb", "4"))}  # fmt: skip
        module.add("check", wanted)
        module.applied(wanted)
        check(scheduler(disk) == scheduler("vda") == "bfq", "bfq is not in force")
        module.client.close()
        subprocess.run(["rmmod", "ainka"], check=True)
        same(before, machine([disk, "vda"]), "after rmmod")
        subprocess.run(["modprobe", "ainka"], check=True)


def lease(module: Module) -> None:
    """The holder of the lease goes away with both changed."""
    load_schedulers()
    with null_disk() as disk:
        before = machine([disk])
        wanted = {f"block.{disk}.scheduler": "bfq", f"block.{disk}.read_ahead_kb": "4"}
        with RingReader("/dev/ainka"):
            module.client.request("lease-renew")
            module.add("check", wanted, origin="experiment")
            module.client.request("lease-renew")
            module.applied(wanted)
            check(scheduler(disk) == "bfq", "bfq is not in force")
        until(lambda: not module.busy(), "the end of the lease", 60)
        same(before, machine([disk]), "after the lease")


def foreign(module: Module) -> None:
    """What an administrator changes meanwhile stays; the disk's other tunable is restored."""
    load_schedulers()
    writes = {
        "scheduler": ("scheduler", "mq-deadline"),
        "the scheduler's settings": ("iosched/slice_idle", "3"),
        "nr_requests": ("nr_requests", "21"),
        "read-ahead": ("read_ahead_kb", "512"),
    }
    for what, (name, value) in writes.items():
        with null_disk() as disk:
            before = queue(disk)
            wanted = {f"block.{disk}.scheduler": "bfq", f"block.{disk}.read_ahead_kb": "64"}
            module.add("check", wanted)
            module.applied(wanted)
            attribute(disk, name).write_text(value)
            left = queue(disk)
            module.client.request("policy-remove", {"name": "check"})
            module.settled()
            after = queue(disk)
            mine = f"block.{disk}." + ("read_ahead_kb" if what == "read-ahead" else "scheduler")
            last = [d for d in module.decisions() if d["tunable"] == mine][-1]
            print(f"{what}: {last['verdict']}")
            check(last["verdict"] == "yielded", f"{what}: {last}")
            ahead = str(attribute(disk, "read_ahead_kb"))
            expected = {ahead: left[ahead], **{n: t for n, t in before.items() if n != ahead}} \
                if what == "read-ahead" else {**left, ahead: before[ahead]}  # fmt: skip
            same({n: t for n, t in expected.items() if t is not None},
                 {n: t for n, t in after.items() if t is not None}, what)  # fmt: skip
        # a disk that is gone takes its entry with it, as soon as anything is going on again
        module.add("awake", {"sysctl.vm.swappiness": "1"}, mode="observe")
        until(lambda: not any("foreign" in r for r in module.client.dump("tunable-get")),
              "forgetting a disk that is gone")  # fmt: skip
        module.client.request("policy-remove", {"name": "awake"})


def pulled(module: Module) -> None:
    """A disk that is removed while it is changed, and one that comes back under its name."""
    load_schedulers()
    other = machine()
    with null_disk() as disk:
        before = queue(disk)
        wanted = {f"block.{disk}.scheduler": "bfq", f"block.{disk}.read_ahead_kb": "64"}
        module.add("check", wanted)
        module.applied(wanted)
        unplug(disk)
        until(lambda: module.held() == 0, "forgetting the disk")
        plug(disk)
        # the policy is still on, so the new disk is changed, from a baseline of its own
        module.applied(wanted)
        check(scheduler(disk) == "bfq", "the disk that came back is not changed")
        module.remove("check")
        same(before, queue(disk), "the disk that came back")
        # gone and back before anybody looks: whatever is written goes to neither
        module.add("check", wanted)
        module.applied(wanted)
        unplug(disk)
        plug(disk)
        module.client.request("policy-remove", {"name": "check"})
        module.settled()
        same(before, queue(disk), "the disk that came back at once")
        module.add("check", wanted)
        module.applied(wanted)
    module.client.request("policy-remove", {"name": "check"})
    module.settled()
    same(other, machine(), "the rest")


def bad(module: Module) -> None:
    """Schedulers that are not there are refused in words, and no module is loaded."""
    subprocess.run(["modprobe", "-r", "kyber-iosched", "bfq"], check=True)
    with null_disk() as disk:
        before = queue(disk)
        for name, subject in ((f"block.{disk}.scheduler", "system"), ("dev.scheduler", "device")):
            for value, word in (("kyber", "modprobe kyber-iosched"), ("bfq", "modprobe bfq"),
                                ("cfq", "mq-deadline"), ("4", "outside 0 to 3")):  # fmt: skip
                said = module.refused(name, value, subject=subject)
                print(f"{name}={value}: {said}")
                check(word in said, f"{name}={value}: {said}")
        said = module.refused(f"block.{disk}.read_ahead_kb", "16385")
        check("16384" in said, said)
        said = module.refused("dev.read_ahead_kb", "64")
        check("subject device" in said, said)
        said = module.refused("block.nosuch.read_ahead_kb", "64")
        check("no tunable block.nosuch.read_ahead_kb" in said, said)
        same(before, queue(disk), "after what was refused")
    now = Path("/proc/modules").read_text()
    check("kyber" not in now and "bfq" not in now, "a module was loaded")


class Opened:
    """A disk opened at one time, and how large the requests of its read-ahead are."""

    def __init__(self, disk: str) -> None:
        self.disk = disk
        self.fd = os.open(f"/dev/{disk}", os.O_RDONLY)
        self.mapped = mmap.mmap(self.fd, 64 * MIB, prot=mmap.PROT_READ)

    def _requests(self, touch: Callable[[int, int], None], begin: int, length: int) -> int:
        subprocess.run(["blockdev", "--flushbufs", f"/dev/{self.disk}"], check=True)
        # what is mapped stays in memory
        self.mapped.madvise(mmap.MADV_DONTNEED)
        os.posix_fadvise(self.fd, begin, length, os.POSIX_FADV_DONTNEED)
        before = reads(self.disk)
        touch(begin, length)
        return length // 1024 // max(1, reads(self.disk) - before)

    def read_kib(self) -> int:
        """Mean size of a request when it is read in order, in KiB."""

        def touch(begin: int, length: int) -> None:
            for at in range(begin, begin + length, 4096):
                os.pread(self.fd, 4096, at)

        return self._requests(touch, 64 * MIB, 16 * MIB)

    def fault_kib(self) -> int:
        """The same when its mapping is walked in order."""

        def touch(begin: int, length: int) -> None:
            for at in range(begin, begin + length, 4096):
                self.mapped[at]

        return self._requests(touch, 16 * MIB, 16 * MIB)

    def close(self) -> None:
        """Close the file; the mapping stays."""
        os.close(self.fd)


def near(kib: int, wanted: int) -> bool:
    """The first windows of a file are smaller, so the mean is a little below."""
    return wanted * 0.7 <= kib <= wanted * 1.05


def open_files(module: Module) -> None:
    """Files that are open, and mapped ones that are closed, follow and come back."""
    with null_disk() as disk:
        # the largest request of this disk is a little below its usual read-ahead of 128 KiB
        base = 64
        attribute(disk, "read_ahead_kb").write_text(f"{base}")
        early = Opened(disk)
        mapped_only = Opened(disk)
        mapped_only.close()
        first = early.read_kib(), early.fault_kib()
        print(f"read-ahead {base} KiB: requests of {first} KiB")
        check(near(first[0], base), f"{first} at {base}")
        with policy(module, {f"block.{disk}.read_ahead_kb": "16"}):
            changed = early.read_kib(), early.fault_kib()
            late = Opened(disk)
            print(f"at 16 KiB: {changed}, opened since: {late.read_kib()}")
            check(near(changed[0], 16), f"an open file reads {changed[0]} KiB at a time")
            check(near(late.read_kib(), 16), "a file opened since does not have it")
            check(changed[1] < first[1] / 2, f"a mapping faults {changed[1]} KiB at a time")
        again = early.read_kib(), early.fault_kib(), late.read_kib()
        print(f"back: {again}")
        check(near(again[0], base) and near(again[2], base), f"not restored: {again}")
        check(again[1] > first[1] * 0.8, f"the mapping is not restored: {again}")
        with policy(module, {f"block.{disk}.read_ahead_kb": "112"}):
            wide = early.read_kib()
            print(f"at 112 KiB: {wide}")
            check(near(wide, 112), f"an open file reads {wide} KiB at a time")
            module.client.close()
            subprocess.run(["rmmod", "ainka"], check=True)
            check(near(early.read_kib(), base), "not restored by rmmod")
            subprocess.run(["modprobe", "ainka"], check=True)
            module.reopen()
            module.add("check", {f"block.{disk}.read_ahead_kb": "16"})
            module.applied([f"block.{disk}.read_ahead_kb"])
        late.close()
        early.close()
        for file in (early, late, mapped_only):
            file.mapped.close()


def cost(module: Module) -> None:
    """What a look at every open file takes, told by the module itself."""
    subprocess.run("echo 'module ainka +p' > /sys/kernel/debug/dynamic_debug/control", shell=True,
                   check=True)  # fmt: skip
    with null_disk() as disk:
        child = os.fork()
        if not child:
            for _ in range(10):
                if not os.fork():
                    for _ in range(1000):
                        os.open("/etc/passwd", os.O_RDONLY)
                    time.sleep(100)
            time.sleep(100)
        time.sleep(3)
        with policy(module, {f"block.{disk}.read_ahead_kb": "64"}):
            pass
        subprocess.run(["pkill", "-9", "-g", "0", "-P", str(child)], check=False)
        os.kill(child, 9)
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in log.splitlines() if "open files" in line]
    for line in lines:
        print(line)
    check(len(lines) >= 2, "the module does not tell what it looked at")
    check(any(int(line.split(" of ")[1].split()[0]) > 10_000 for line in lines), "too few files")


def fast_lane(module: Module) -> None:
    """While a switch of the scheduler waits for the disk, a sysctl is set and given back."""
    swappiness = Path("/proc/sys/vm/swappiness")
    before = read(swappiness)
    # all tasks wait for one read: that is a stall, and would be an emergency
    Path("/sys/module/ainka/parameters/emergency_threshold").write_text("1001")
    with null_disk(delay_ns=8_000_000_000) as disk:
        name = f"block.{disk}.scheduler"
        fd = os.open(f"/dev/{disk}", os.O_RDONLY | os.O_DIRECT)
        buffer = mmap.mmap(-1, 4096)

        def read_once() -> None:
            # on an emulated machine the driver may take the delay for a timeout
            with contextlib.suppress(TimeoutError):
                os.preadv(fd, [buffer], 0)

        reader = threading.Thread(target=read_once)
        reader.start()
        until(lambda: int(Path("/sys/block", disk, "inflight").read_text().split()[0]) > 0,
              "a read under way")  # fmt: skip
        module.add("slow", {name: "mq-deadline", f"block.{disk}.read_ahead_kb": "64"})
        # not by a listing: what it reads may be locked from that very moment on
        until(lambda: module.held() > 0, "the switch")
        begin = time.monotonic()
        module.add("fast", {"sysctl.vm.swappiness": "33"})
        until(lambda: read(swappiness) == "33\n", "the fast lane", 10)
        took = time.monotonic() - begin
        check(reader.is_alive(), f"the disk was done before the sysctl was set, after {took:.2f} s")
        # An emulated CPU may stand still between holding the switch and beginning it. The sysctl
        # goes back while it waits in any case.
        until(
            lambda: "pending" in module.tunable(name) or not reader.is_alive(), "the switch to wait"
        )
        check(reader.is_alive(), "the disk was done before the switch waited for it")
        module.client.request("policy-remove", {"name": "fast"})
        until(lambda: read(swappiness) == before, "the fast lane, back", 10)
        shown = len(module.tunables())
        check(reader.is_alive(), "the disk was done before the sysctl was back")
        print(f"swappiness set after {1000 * took:.0f} ms, {shown} tunables listed meanwhile")
        reader.join()
        module.applied([name])
        check(scheduler(disk) == "mq-deadline", "the switch did not come about")
        module.remove("slow")
        os.close(fd)


CHECKS = {
    f.__name__: f
    for f in (schedulers, twenty, unload, lease, foreign, pulled, bad, open_files, cost, fast_lane)
}


def main() -> None:
    """Run one check."""
    CHECKS[sys.argv[1]](Module())
    print("all right")


if __name__ == "__main__":
    main()
