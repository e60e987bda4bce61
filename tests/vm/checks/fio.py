# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: what block.bpf.o counts of a throttled disk, against fio's own report.

Usage: python3 -m checks.fio DISK. Prints both; exits 1 at the first wrong thing.

The bounds follow from what the two measure. A request's time in the kernel lies within fio's time
of it, by the same clock, so ours is never longer. What is missing is the time before the kernel has
the request and after it has given it back: then fio runs or waits for a CPU, for there is something
to do, and at most DEPTH requests are in that state. So the differences of all requests add up to
DEPTH times what fio ran and waited, at most.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ainkad.bpf import BpfObject
from ainkad.core import hist_percentile

from .disk import OBJECT, Disks
from .machine import check, until

DEPTH = 4
"""So many requests are always under way."""

#: Four requests at a time, of 4 KiB, past the page cache, in an order that the seed decides. With
#: --thread the one process has all of fio, and the clock is the kernel's.
FIO = (
    "fio --name=truth --filename=/dev/{disk} --direct=1 --ioengine=libaio --iodepth={depth} "
    "--bs=4k --rw=randrw --rwmixread=70 --size=64m --io_size=4m --randseed=1 --allrandrepeat=1 "
    "--norandommap=0 --thread --clocksource=clock_gettime --clat_percentiles=0 "
    "--lat_percentiles=1 --output-format=json"
)

BUCKETS = 1.125 * 1.02
"""A bucket of ours is at most an eighth wide, one of fio's a 64th."""

FAR = 0.3
"""Markov: at most this share of the requests has more than 1/FAR of the mean difference."""

INTERRUPTED = 0.05
"""Part of fio's time that may pass where fio neither runs nor waits: the emulator's thread is not
running while its CPU is about to wake fio."""


def busy_ns(pid: int) -> int:
    """What the threads of a process have run and waited for a CPU; 0 when it has ended."""
    total = 0
    for path in Path("/proc", str(pid), "task").glob("*/schedstat"):
        try:
            total += sum(int(word) for word in path.read_text().split()[:2])
        except OSError:
            continue
    return total


def run_fio(disk: str) -> tuple[dict[str, Any], int]:
    """fio's report on the one job; and the most that its threads were seen to have run and
    waited, which threads that have ended are no part of."""
    command = FIO.format(disk=disk, depth=DEPTH).split()
    most = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as fio:
        while fio.poll() is None:
            most = max(most, busy_ns(fio.pid))
            time.sleep(0.05)
        assert fio.stdout
        text = fio.stdout.read()
    check(fio.returncode == 0, f"fio ended with {fio.returncode}")
    job: dict[str, Any] = json.loads(text[text.index("{") :])["jobs"][0]
    return job, most


def compare(disk: str) -> None:
    """Counts are the same; latencies are fio's, less its own way to the disk and back."""
    with BpfObject(OBJECT) as bpf:
        for state in bpf.attach_all():
            check(state.attached, f"{state.name} is not attached: {state.reason}")
        disks = Disks(bpf)
        subprocess.run(["dd", f"if=/dev/{disk}", "of=/dev/null", "bs=4k", "count=1",
                        "iflag=direct"], check=True, capture_output=True)  # fmt: skip
        until(lambda: disks.get(disk) is not None, "a record of the disk")
        old = disks.get(disk)
        job, busy = run_fio(disk)
        new = disks.get(disk)
        less = whole = 0.0
        for i, name in enumerate(("read", "write")):
            difference, fio_ns = one_way(name, old["dir"][i], new["dir"][i], job[name])
            less, whole = less + difference, whole + fio_ns
        print(
            f"all: {less / 1e6:.0f} of {whole / 1e6:.0f} ms are not in the kernel's time; "
            f"fio ran and waited for a CPU {busy / 1e6:.0f} ms"
        )
        check(less <= DEPTH * busy + INTERRUPTED * whole, "more than fio can have needed itself")


def one_way(name: str, old: Any, new: Any, says: dict[str, Any]) -> tuple[float, float]:
    """Reads or writes: by how much fio's times are longer in all, and they themselves, in ns."""
    ios, size, lat_ns = (int(new[f]) - int(old[f]) for f in ("ios", "bytes", "lat_ns"))
    histogram = new["lat_hist"] - old["lat_hist"]
    p50_ns, p99_ns = (hist_percentile(histogram, permille) for permille in (500, 990))
    fio = {p: says["lat_ns"]["percentile"][f"{p}.000000"] for p in (20, 50, 60, 99)}
    mean_ns, fio_ns, most_ns = lat_ns / ios, says["lat_ns"]["mean"], says["lat_ns"]["max"]
    print(
        f"{name}s: {ios} of {size} bytes, mean {mean_ns / 1e6:.3f} ms, p50 {p50_ns / 1e6:.2f}, "
        f"p99 {p99_ns / 1e6:.2f}; fio: {says['total_ios']} of {says['io_bytes']}, "
        f"{fio_ns / 1e6:.3f}, {fio[50] / 1e6:.2f}, {fio[99] / 1e6:.2f}"
    )
    check(ios == says["total_ios"], f"{ios} {name}s, fio made {says['total_ios']}")
    check(size == says["io_bytes"], f"{size} bytes of {name}s, fio's {says['io_bytes']}")
    check(int(histogram.sum()) == ios, f"{int(histogram.sum())} {name}s in the histogram")
    check(mean_ns <= fio_ns, f"{name}s take longer than fio waited for them")
    # each time is below fio's, so the median is; the next percentile, for ranks may round apart
    check(p50_ns <= BUCKETS * fio[60], f"p50 of {name}s is longer than fio's")
    # of the half below our median, a fifth of all are no further from fio's times than this
    far_ns = (fio_ns - mean_ns) / FAR
    check(BUCKETS * p50_ns + far_ns >= fio[20], f"p50 of {name}s is too short")
    check(p50_ns <= p99_ns <= BUCKETS * most_ns, f"p99 of {name}s")
    return (fio_ns - mean_ns) * ios, fio_ns * ios


def main() -> None:
    """Compare on one disk."""
    compare(sys.argv[1])
    print("all right")


if __name__ == "__main__":
    main()
