#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: sched.bpf.o against what the kernel itself says of the tasks.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ainkad.bpf import BpfObject, PerCpuArray
from ainkad.layouts_gen import SCHED_STATS_DTYPE
from counting import check, until
from watching import Tasks, Watch, asleep, burn, hog, kernel_says, let_work, near, spawn

OBJECT = Path("/usr/lib/ainka/sched.bpf.o")
PAGE = mmap.PAGESIZE


def sums_agree(tasks: Tasks) -> None:
    """A task that burns and sleeps beside a hog: delays, run time, switches."""
    begin, ended = os.pipe(), os.pipe()

    def work() -> None:
        os.sched_setaffinity(0, {0})
        for _ in range(2):
            os.write(ended[1], b"x")
            os.read(begin[0], 1)
            for _ in range(150):
                burn(0.006)
                time.sleep(0.003)
            burn(0.3)

    pid = spawn(work)
    disturber = spawn(hog)
    try:
        os.read(ended[0], 1)
        check(until(lambda: asleep(pid)), "the test task does not sleep")
        watch = Watch(tasks, pid)
        before, says_before = watch.sums(), kernel_says(pid)
        let_work(watch, pid, begin[1], ended[0])
        after, says = watch.sums(), kernel_says(pid)
    finally:
        os.kill(disturber, signal.SIGKILL)
        os.waitpid(disturber, 0)
    got = {name: after[name] - before[name] for name in after}
    want = {name: says[name] - says_before[name] for name in says}
    print(f"records: {got}")
    near("run delay in ns", got["delay_ns"], want["delay_ns"], 0.02, 100_000)
    near("run time in ns", got["run_ns"], want["run_ns"], 0.05, 10_000_000)
    near("voluntary switches", got["voluntary"], want["voluntary"], 0, 1)
    near("involuntary switches", got["involuntary"], want["involuntary"], 0, 1)
    check(got["involuntary"] > 10, "the hog did not preempt the test task")
    check(got["runs"] == got["voluntary"] + got["involuntary"], "runs are not switches")
    check(abs(got["wakes"] - got["voluntary"]) <= 1, "wakes are not sleeps")
    check(0 < got["wake_delay_ns"] < got["delay_ns"], "wake-up delay is not a part of run delay")

    record = tasks.get(pid)
    check(int(record["pid"]) == pid and int(record["tgid"]) == pid, "pid or tgid is wrong")
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    start_ns = ticks * 10**9 // os.sysconf("SC_CLK_TCK")
    check(abs(int(record["start_ns"]) - start_ns) < 20_000_000, "start_ns is not the start time")

    os.write(begin[1], b"x")
    os.waitpid(pid, 0)
    check(until(lambda: pid not in tasks.all()), "the record did not go with its task")


def migrations_of(pid: int) -> int:
    """What the kernel says of a task."""
    for line in Path(f"/proc/{pid}/sched").read_text().splitlines():
        if line.startswith("se.nr_migrations"):
            return int(line.split(":")[1])
    sys.exit("FAILED: the kernel does not say how often a task was moved")


def all_migrations() -> int:
    """The same of all tasks there are."""
    total = 0
    for task in Path("/proc").glob("[0-9]*/task/[0-9]*"):
        try:
            total += migrations_of(int(task.name))
        except OSError:
            continue  # it has ended
    return total


def migrations_agree(tasks: Tasks, stats: PerCpuArray) -> None:
    """A task that moves itself so often."""
    moves, begin, ended = 200, os.pipe(), os.pipe()

    def work() -> None:
        os.sched_setaffinity(0, {0})
        burn(0.02)
        os.write(ended[1], b"x")
        os.read(begin[0], 1)
        for i in range(moves):
            os.sched_setaffinity(0, {(i + 1) % 2})
            time.sleep(0.01)
        os.write(ended[1], b"x")
        os.read(begin[0], 1)

    pid = spawn(work)
    os.read(ended[0], 1)
    check(until(lambda: asleep(pid)), "the test task does not sleep")
    watch = Watch(tasks, pid)
    outer, system = all_migrations(), int(stats.read()["migrations"].sum())
    before, says = watch.sums()["migrations"], migrations_of(pid)
    let_work(watch, pid, begin[1], ended[0])
    got, says = watch.sums()["migrations"] - before, migrations_of(pid) - says
    system = int(stats.read()["migrations"].sum()) - system
    outer = all_migrations() - outer
    print(f"moves: {got} in the records, {says} in /proc, {moves} made; of all {system} of {outer}")
    check(got == moves == says, f"{got} moves were counted")
    # some were made before the counter was read, and are seen when the task has run
    check(moves <= system <= outer + 20, f"{system} moves of all tasks, /proc says {outer}")
    os.write(begin[1], b"x")
    os.waitpid(pid, 0)


def memory_agrees(tasks: Tasks) -> None:
    """A task that takes 256 pages more every 20 ms and says when."""
    step, steps, said = 256, 200, os.pipe()

    def work() -> None:
        memory = mmap.mmap(-1, step * steps * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        burn(0.02)
        time.sleep(0.6)
        for i in range(steps):
            start = time.monotonic_ns()
            for page in range(step):
                memory[(i * step + page) * PAGE] = 1
            os.write(said[1], b"%d %d\n" % (start, time.monotonic_ns()))
            time.sleep(0.02)
        time.sleep(0.6)

    pid = spawn(work)
    os.close(said[1])
    seen: dict[int, int] = {}
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        record = tasks.all().get(pid)
        if record is not None and not record["seq"] & 1:
            for window in ("last", "cur"):
                if record[window]["start_ns"]:
                    seen[int(record[window]["start_ns"])] = int(record[window]["rss_pages"])
        time.sleep(0.05)
    with os.fdopen(said[0]) as lines:
        times = [tuple(map(int, line.split())) for line in lines]
    first = min((ns for ns in seen if ns > times[0][0] - 600_000_000), default=0)
    check(len(seen) >= 4, f"windows of the task: {seen}")
    slack = 3 * 32 * (os.cpu_count() or 1) + 64  # what CPUs have not added up
    for ns, pages in sorted(seen.items()):
        if ns < first:
            continue
        low = step * (sum(end <= ns for _, end in times) - sum(s < first for s, _ in times))
        high = step * (sum(s < ns for s, _ in times) - sum(end <= first for _, end in times))
        grown = pages - seen[first]
        print(f"pages after {(ns - first) / 1e9:.2f} s: {grown}, between {low} and {high}")
        check(low - slack <= grown <= high + slack, "not as much as was taken")


def exited_tasks_have_no_record(tasks: Tasks) -> None:
    for _ in range(60):
        os.waitpid(spawn(lambda: None), 0)
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def gone() -> list[int]:
        return [pid for pid in tasks.all() if not Path(f"/proc/{pid}").exists()]

    check(until(lambda: not gone()), f"records of tasks that are gone: {gone()}")
    print(f"tasks in the map: {len(tasks.all())}, all of them alive")


def exec_by_a_thread_leaves_no_record(tasks: Tasks) -> None:
    """The thread takes its leader's pid; the record under its own number must go."""
    read, write = os.pipe()

    def work() -> None:
        def thread() -> None:
            burn(0.05)
            time.sleep(0.2)
            os.write(write, str(threading.get_native_id()).encode())
            time.sleep(0.5)
            os.execv("/bin/sleep", ["sleep", "60"])

        threading.Thread(target=thread).start()
        time.sleep(100)

    pid = spawn(work)
    tid = int(os.read(read, 16))
    check(tid != pid and tid in tasks.all(), "the thread has no record")
    check(
        until(lambda: "sleep" in Path(f"/proc/{pid}/comm").read_text(), 30),
        "the thread did not execute",
    )
    check(until(lambda: pid in tasks.all()), "no record under the number it took over")
    check(until(lambda: tid not in tasks.all()), "the record of the thread's old number stays")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def cpu_counters_agree(stats: PerCpuArray) -> None:
    before, start = stats.read(), time.monotonic_ns()
    running = spawn(hog)
    time.sleep(2)
    after, ns = stats.read(), time.monotonic_ns() - start
    os.kill(running, signal.SIGKILL)
    os.waitpid(running, 0)
    for cpu, (old, new) in enumerate(zip(before, after, strict=True)):
        count = {
            name: int(new[name]) - int(old[name])
            for name in ("switches", "voluntary", "busy_ns", "delays", "wake_delays", "wakeups")
        }
        print(f"cpu{cpu}: {count}")
        check(count["voluntary"] <= count["switches"], "more sleeps than switches")
        check(count["wake_delays"] <= count["wakeups"] <= count["delays"] + 1, "wake-ups")
        check(count["busy_ns"] < ns * 1.1 + 10**9, "busier than there is time")
        # Two copies of the same moment: the kernel may count between two words.
        check(abs(int(new["delay_hist"].sum()) - int(new["delays"])) <= 2, "delay_hist")
        check(abs(int(new["wake_delay_hist"].sum()) - int(new["wake_delays"])) <= 2, "wake hist")
        check(int(new["drops"]) == 0, "the map of tasks overflowed")
    busy = int(after["busy_ns"][0]) - int(before["busy_ns"][0])
    if int(after["running"][0]):
        busy += max(0, start + ns - int(after["last_ns"][0]))
    check(busy > 0.7 * ns, f"CPU 0 ran a hog for {ns} ns and was busy for {busy}")


def sleep_is_no_delay(stats: PerCpuArray) -> None:
    """Tasks that sleep 0.7 s beside hogs that make the balancer move them.

    From 6.12 on the kernel's own run delay holds some of these sleeps.
    """

    def sleeper() -> None:
        while True:
            burn(0.004)
            time.sleep(0.7)

    def free_hog() -> None:
        while True:
            burn(1)

    def round_of_ten_seconds() -> int:
        before = stats.read()
        time.sleep(10)
        counts = (stats.read()["wake_delay_hist"] - before["wake_delay_hist"]).sum(axis=0)
        print(f"wake-up delays: {counts.sum()}, the longest in bucket {counts.nonzero()[0].max()}")
        # What was counted of a sleep began when the task was moved, soon after it fell asleep.
        return int(counts[bucket(550_000_000) : bucket(720_000_000) + 1].sum())

    pids = [spawn(work) for work in [free_hog] * 3 + [sleeper] * 6]
    time.sleep(1)
    # A host that stops the guest for that long makes such a delay too: it may do so once.
    slept = round_of_ten_seconds() and round_of_ten_seconds()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    check(slept == 0, f"{slept} sleeps count as wake-up delays")


def bucket(ns: int) -> int:
    """Bucket of a time of 8 ns or more, as kmod/core/hist.h has it."""
    octave = ns.bit_length() - 4
    return ((octave + 1) << 3) + ((ns >> octave) & 7)


def bpf_programs() -> list[str]:
    shown = subprocess.run(["bpftool", "prog", "show"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if "sched_switch" in line]


def killed_loader_leaves_nothing() -> None:
    code = (
        "import sys, time\nfrom ainkad.bpf import BpfObject\n"
        f"bpf = BpfObject({str(OBJECT)!r}); bpf.attach_all(); print('on', flush=True)\n"
        "time.sleep(100)"
    )
    loader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert loader.stdout is not None
    check(loader.stdout.readline() == "on\n", "the loader did not start")
    check(len(bpf_programs()) == 1, f"programs of the loader: {bpf_programs()}")
    loader.kill()
    loader.wait()
    check(until(lambda: not bpf_programs()), f"programs that outlive it: {bpf_programs()}")


def missing_hook_costs_one_program() -> None:
    """The same object with a hook that no kernel has."""
    image = OBJECT.read_bytes().replace(b"tp_btf/sched_process_exec", b"tp_btf/sched_process_nope")
    with tempfile.NamedTemporaryFile(suffix=".bpf.o") as file:
        file.write(image)
        file.flush()
        with BpfObject(file.name) as bpf:
            states = {state.name: state for state in bpf.attach_all()}
    print(f"with a missing hook: {states}")
    check(states["sched_switch"].attached, "the other program is not attached")
    # The names of function and section end alike, so the linker has stored them once.
    other = states["sched_process_nope"]
    check(not other.attached, "a program without a hook is attached")
    check("failed to find kernel BTF type ID" in other.reason, "no reason is given")


def main() -> None:
    started = time.monotonic()
    with BpfObject(OBJECT) as bpf:
        states = bpf.attach_all()
        print(f"loaded and attached in {time.monotonic() - started:.2f} s")
        for state in states:
            check(state.attached, f"{state.name} is not attached: {state.reason}")
        tasks = Tasks(bpf)
        cpus = os.cpu_count() or 1
        stats = PerCpuArray(bpf.map_fd("sched_stats"), SCHED_STATS_DTYPE, cpus)
        cpu_counters_agree(stats)
        sums_agree(tasks)
        migrations_agree(tasks, stats)
        memory_agrees(tasks)
        exited_tasks_have_no_record(tasks)
        exec_by_a_thread_leaves_no_record(tasks)
        sleep_is_no_delay(stats)
    check(until(lambda: not bpf_programs()), f"programs after close: {bpf_programs()}")
    missing_hook_costs_one_program()
    killed_loader_leaves_nothing()
    print("all right")


if __name__ == "__main__":
    main()
