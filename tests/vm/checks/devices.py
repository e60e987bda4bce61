# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: what block.bpf.o counts of a disk, its signals, policies of subject device.

Usage: python3 -m checks.devices CHECK. Prints what it measured; exits 1 at the first wrong thing.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ainkad.bpf import BpfObject, PerCpuArray
from ainkad.layouts_gen import BLOCK_STATS_DTYPE
from ainkad.ring import RingReader

from .disk import BLOCK, OBJECT, Disks, Load, number, sequence, stat
from .machine import Module, check, read, until
from .null_disk import null_disk, plug, unplug


def counts(module: Module) -> None:
    """A known load, against what the load was and what /sys/block/*/stat says of it."""
    with null_disk(delay_ns=3_000_000) as disk, BpfObject(OBJECT) as bpf:
        for state in bpf.attach_all():
            check(state.attached, f"{state.name} is not attached: {state.reason}")
        disks = Disks(bpf)
        load = Load(disk)
        load.read([0])
        until(lambda: disks.get(disk) is not None, "a record of the disk")
        time.sleep(0.5)
        old, old_stat = disks.get(disk), stat(disk)
        load.read([i * BLOCK for i in range(200)])
        load.write([i * 2 * BLOCK for i in range(1000, 1120)], 2 * BLOCK)
        far = list(range(20_000, 60_000))
        random.Random(1).shuffle(far)
        load.read([i * BLOCK for i in far[:100]])
        load.read([i * BLOCK for i in range(19_000, 18_900, -1)])
        load.read([i * BLOCK for i in range(3000, 6000, 60)])  # with gaps, of what may be cached
        until(lambda: stat(disk)["writes"] - old_stat["writes"] >= 120, "the load to be counted")
        new, new_stat = disks.get(disk), stat(disk)
        load.close()
        for i, (name, ios, size) in enumerate((("read", 450, BLOCK), ("write", 120, 2 * BLOCK))):
            now, then = new["dir"][i], old["dir"][i]
            grown = {f: int(now[f]) - int(then[f]) for f in ("ios", "bytes", "lat_ns", "queue_ns")}
            says = {f: new_stat[f"{name}{f}"] - old_stat[f"{name}{f}"]
                    for f in ("s", "_sectors", "_ms")}  # fmt: skip
            print(f"{name}s: counted {grown}, the kernel says {says}")
            check(grown["ios"] == ios == says["s"], f"{grown['ios']} {name}s, {ios} were made")
            check(grown["bytes"] == ios * size == 512 * says["_sectors"], f"bytes: {grown}")
            check(grown["lat_ns"] >= ios * 3_000_000, "shorter than the disk's own delay")
            # the kernel rounds each one to its ticks
            check(abs(grown["lat_ns"] / 1e6 - says["_ms"]) <= max(0.1 * says["_ms"], 4 * ios),
                  f"{grown['lat_ns'] / 1e6:.0f} ms of latency")  # fmt: skip
            check(grown["queue_ns"] < grown["lat_ns"] / 2, "more waiting than service")
            hist = int((now["lat_hist"] - then["lat_hist"]).sum())
            check(hist == ios, f"{hist} in the histogram")
        sequential = int(new["sequential"]) - int(old["sequential"])
        issued = int(new["reads"]) - int(old["reads"])
        print(f"sequential: {sequential} of {issued}")
        check(issued == 450, f"{issued} reads issued")
        check(340 <= sequential <= 360,
              f"{sequential} of 200 reads forwards, 100 backwards, 50 with gaps")  # fmt: skip
        check(int(new["issued"]) == int(new["completed"]), "requests are in flight for ever")
        drops = PerCpuArray(bpf.map_fd("block_stats"), BLOCK_STATS_DTYPE, os.cpu_count() or 1)
        lost = {f: int(drops.read()[f].sum()) for f in ("request_drops", "dev_drops")}
        check(not any(lost.values()), f"lost: {lost}")

        seq = int(new["seq"])
        unplug(disk)
        plug(disk)
        load = Load(disk)
        load.read([0])
        load.close()
        until(lambda: disks.get(disk) is not None, "a record of the disk that came back")
        record = disks.get(disk)
        check(int(record["seq"]) != seq, "the record is the old disk's")
        check(int(record["dir"][1]["ios"]) == 0, "the writes of the old disk are the new one's")


def flushes(module: Module) -> None:
    """So many flushes of a disk with a cache, against the kernel's own count; then the signals."""
    delay_ns = 4_000_000
    with null_disk(delay_ns=delay_ns, cache_mib=4) as disk:
        fd = os.open(f"/dev/{disk}", os.O_RDWR)
        with BpfObject(OBJECT) as bpf:
            for state in bpf.attach_all():
                check(state.attached, f"{state.name} is not attached: {state.reason}")
            disks = Disks(bpf)
            os.fsync(fd)
            until(lambda: disks.get(disk) is not None, "a record of the disk")
            time.sleep(0.5)
            old, old_stat = disks.get(disk), stat(disk)
            for _ in range(50):
                os.fsync(fd)
            until(lambda: stat(disk)["flushes"] - old_stat["flushes"] >= 50, "the flushes")
            time.sleep(0.2)
            new, new_stat = disks.get(disk), stat(disk)
        n, ns = (int(new[f]) - int(old[f]) for f in ("flushes", "flush_ns"))
        says, ms = (new_stat[f] - old_stat[f] for f in ("flushes", "flush_ms"))
        print(f"flushes: counted {n} in {ns / 1e6:.1f} ms, the kernel says {says} in {ms} ms")
        check(n == 50 == says, f"{n} flushes, 50 were made")
        check(ns >= 50 * delay_ns, "shorter than the disk's own delay")
        check(abs(ns / 1e6 - ms) <= max(0.1 * ms, 2), f"{ns / 1e6:.1f} ms of latency")
        check(int(new["dir"][1]["ios"]) == int(old["dir"][1]["ios"]), "a flush counts as a write")
        with Holder(module):
            end = meanwhile(lambda: os.fsync(fd))
            try:
                until(lambda: "dev.flush_lat_mean_us" in signals(module, disk), "signals")
                time.sleep(1.5)
                before, start = stat(disk)["flushes"], time.monotonic()
                time.sleep(1)
                seen = signals(module, disk)
                made = (stat(disk)["flushes"] - before) / (time.monotonic() - start)
            finally:
                end()
            print(f"{made:.0f} flushes a second: {seen}")
            check(seen["dev.flush_lat_mean_us"] >= delay_ns / 1000, "faster than the disk")
            check(0.5 * made <= seen["dev.flush_rate_hz"] <= 2 * made, "rate of flushes")

            def idle() -> bool:
                now = signals(module, disk)
                return now.get("dev.flush_rate_hz") == 0 and "dev.flush_lat_mean_us" not in now

            until(idle, "signals of an idle disk")
        os.close(fd)


def missing_hook(module: Module) -> None:
    """An object with a hook that no kernel has: the other program is attached and harmless."""
    for hook in (b"tp_btf/block_rq_issue", b"tp_btf/block_rq_complete"):
        image = OBJECT.read_bytes()
        check(hook in image, f"there is no {hook!r}")
        with tempfile.NamedTemporaryFile(suffix=".bpf.o") as file:
            file.write(image.replace(hook, hook[:-4] + b"nope"))
            file.flush()
            with null_disk() as disk, BpfObject(file.name) as bpf:
                states = bpf.attach_all()
                print({state.section: state.attached for state in states})
                check([s.attached for s in states].count(True) == 1, f"{states}")
                load = Load(disk)
                load.read([i * BLOCK for i in range(50)])
                load.close()
                record = Disks(bpf).get(disk)
                done = 0 if record is None else int(record["completed"])
                check(done == 0, f"{done} requests completed without {hook!r}")


class Holder:
    """The daemon's part: programs loaded, the map handed over, the lease renewed."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._ring = RingReader("/dev/ainka")
        module.client.request("lease-renew")
        self._bpf = BpfObject(OBJECT)
        self._bpf.attach_all()
        module.client.request("lease-renew")
        fd = self._bpf.map_fd("devices")
        module.client.request("map-attach", {"role": "devices", "fd": fd})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        own = Module()
        while not self._stop.wait(0.3):
            own.client.request("lease-renew")

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._bpf.close()
        self._ring.close()


def signals(module: Module, disk: str) -> dict[str, int]:
    """The fresh signals of a disk, as the module has them."""
    rows = module.client.dump("signal-get", {"subject": "device"})
    return {r["name"]: r["value"] for r in rows if r.get("label") == disk and "value" in r}


def meanwhile(work: Callable[[], None]) -> Callable[[], None]:
    """Do it over and over in a thread; the result ends that."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            work()

    thread = threading.Thread(target=loop)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end


def signals_of_a_disk(module: Module) -> None:
    """The signals under a steady load, and under none."""
    with null_disk(delay_ns=5_000_000) as disk, Holder(module):
        load = Load(disk)
        end = meanwhile(lambda: load.read([i * BLOCK for i in range(20)]))
        try:
            until(lambda: "dev.read_lat_p99_us" in signals(module, disk), "signals of the disk")
            time.sleep(1.5)
            seen = signals(module, disk)
        finally:
            end()
        print(seen)
        major, minor = (int(x) for x in (read(f"/sys/block/{disk}/dev") or "").split(":"))
        check((seen["dev.major"], seen["dev.minor"]) == (major, minor), "another disk")
        check(0 < seen["dev.read_rate_hz"] <= 205, "more reads than the disk can do")
        check(seen["dev.read_rate_hz"] == seen["dev.io_rate_hz"], "writes without any")
        check(abs(seen["dev.read_rate_bytes"] / BLOCK - seen["dev.read_rate_hz"]) < 2, "bytes")
        check(seen["dev.read_lat_mean_us"] >= 5000, "faster than the disk")
        check(seen["dev.read_lat_p99_us"] >= 4800, "p99 below the disk's delay")
        check("dev.write_lat_p99_us" not in seen, "a latency of no writes")
        total = seen["dev.queue_time_mean_us"] + seen["dev.service_time_mean_us"]
        check(abs(total - seen["dev.read_lat_mean_us"]) <= 2, "queue and service are not the whole")
        check(seen["dev.sequential_permille"] >= 900, "not sequential")
        check(seen["dev.in_flight"] <= 1, "more than one at a time")

        def idle() -> bool:
            now = signals(module, disk)
            return now.get("dev.io_rate_hz") == 0 and "dev.read_lat_mean_us" not in now

        until(idle, "signals of an idle disk")
        until(lambda: signals(module, disk).get("dev.in_flight") == 0, "nothing in flight")
        load.close()
    with null_disk(delay_ns=3_000_000_000) as disk, Holder(module):
        loads = [Load(disk) for _ in range(4)]
        threads = [threading.Thread(target=load.read, args=([i * 64 * BLOCK],))
                   for i, load in enumerate(loads)]  # fmt: skip
        for thread in threads:
            thread.start()
        until(
            lambda: signals(module, disk).get("dev.in_flight") == 4, "four requests in flight", 20
        )
        for thread, load in zip(threads, loads, strict=True):
            thread.join()
            load.close()
        unplug(disk)
        until(lambda: not signals(module, disk), "forgetting a disk that is gone", 10)
        plug(disk)


def policies(module: Module) -> None:
    """A policy of subject device changes the disk it is about, and only that."""
    with null_disk("nullb0") as busy, null_disk("nullb1") as other, Holder(module):
        ahead = {d: Path("/sys/block", d, "queue/read_ahead_kb") for d in (busy, other)}
        before = {d: read(p) for d, p in ahead.items()}
        idle_load = Load(other)
        idle_load.read([0])
        load = Load(busy)

        def work() -> None:
            load.read([i * BLOCK for i in range(10)])
            time.sleep(0.01)

        end = meanwhile(work)
        try:
            when = {"when": "dev.read_rate_hz > 20 and dev.sequential_permille > 500",
                    "subject": "device"}  # fmt: skip
            module.add(
                "fast", {"dev.read_ahead_kb": "1MiB", "dev.scheduler": "mq-deadline"}, **when
            )
            until(lambda: read(ahead[busy]) == "1024\n", "the policy of the disk")
            until(lambda: "[mq-deadline]" in (read(f"/sys/block/{busy}/queue/scheduler") or ""),
                  "the scheduler of the disk")  # fmt: skip
            check(read(ahead[other]) == before[other], "the idle disk was changed")
            entry = [r for r in module.client.dump("tunable-get")
                     if r["name"] == "dev.read_ahead_kb" and "baseline" in r]  # fmt: skip
            check(len(entry) == 1, f"{entry}")
            check((entry[0]["label"], entry[0]["subject-id"]) == (busy, sequence(busy)), f"{entry}")
            decision = [d for d in module.decisions() if d["tunable"] == "dev.read_ahead_kb"][-1]
            check((decision["label"], decision["subject"]) == (busy, "device"), f"{decision}")
            check("dev.read_rate_hz" in decision["path"], f"{decision}")

            # the same thing under its other name belongs to the one who has it
            module.add("again", {f"block.{busy}.read_ahead_kb": "64"})
            until(lambda: any(d["policy"] == "again" for d in module.decisions()), "a refusal")
            refusal = [d for d in module.decisions() if d["policy"] == "again"][-1]
            check(
                (refusal["verdict"], refusal["reason"]) == ("refused", "overridden"), f"{refusal}"
            )
            check(read(ahead[busy]) == "1024\n", "two policies have one attribute")
            module.client.request("policy-remove", {"name": "again"})
        finally:
            end()
        # the disk becomes idle, the policy turns off
        until(lambda: read(ahead[busy]) == before[busy], "the baseline of an idle disk")
        end = meanwhile(work)
        try:
            until(lambda: read(ahead[busy]) == "1024\n", "the policy of the disk, again")
        finally:
            end()
            load.close()
        idle_load.close()
        unplug(busy)
        until(lambda: not module.busy(), "forgetting the disk")
        plug(busy)
        check(read(ahead[busy]) == before[busy], "a new disk was changed for the old one's reads")
        module.remove("fast")


def with_the_daemon(module: Module) -> None:
    """The daemon loads the programs and hands the map over; a policy of the admin uses it."""
    subprocess.run(["systemctl", "start", "ainkad"], check=True)
    try:
        with null_disk() as disk:
            load = Load(disk)

            def work() -> None:
                load.read([i * BLOCK for i in range(10)])
                time.sleep(0.02)

            end = meanwhile(work)
            try:
                until(
                    lambda: "dev.read_rate_hz" in signals(module, disk), "signals of the disk", 90
                )
                when = {"when": f"dev.minor == {number(disk) & 0xFFFFF} and dev.read_rate_hz > 10",
                        "subject": "device"}  # fmt: skip
                module.add("check", {"dev.read_ahead_kb": "base+64KiB"}, **when)
                ahead = Path("/sys/block", disk, "queue/read_ahead_kb")
                until(lambda: read(ahead) == "192\n", "the policy")
                done = subprocess.run(["ainkactl", "tunables", "dev.read_ahead_kb"],
                                      capture_output=True, text=True, check=True)  # fmt: skip
                print(done.stdout)
                check(disk in done.stdout, "the tunable does not say on which disk it is held")
            finally:
                end()
                load.close()
            until(lambda: read(ahead) == "128\n", "the baseline of an idle disk")
            module.client.request("policy-remove", {"name": "check"})
    finally:
        subprocess.run(["systemctl", "stop", "ainkad"], check=True)


CHECKS = {
    f.__name__: f
    for f in (counts, flushes, missing_hook, signals_of_a_disk, policies, with_the_daemon)
}


def main() -> None:
    """Run one check."""
    CHECKS[sys.argv[1]](Module())
    print("all right")


if __name__ == "__main__":
    main()
