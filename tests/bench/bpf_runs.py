# SPDX-License-Identifier: Apache-2.0
"""Run times of BPF programs in the guest, by the kernel's own clock, under one load.

The kernel times every program (kernel.bpf_stats_enabled: run_time_ns and run_cnt), and reads its
clock once more than the program's own work takes.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guest.vm import Guest, accel, kernels

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "build" / "bench"
CONFIG = "[collect]\nsyscalls = true\n[learning]\nenabled = false\n"
AINKA = "ainka"
Key = tuple[str, str]


@dataclass(frozen=True)
class Event:
    """Something that happens, and the programs that run for it.

    ``ours`` are names; ``tools`` are those of the libbpf-tools that give the same signals, as
    (tool, program). One happens as often as ``per`` runs, by default the first of ours.
    """

    name: str
    ours: tuple[str, ...]
    tools: tuple[Key, ...] = ()
    per: Key | None = None

    @property
    def counted(self) -> Key:
        """The program whose runs say how often it happened."""
        return self.per or (AINKA, self.ours[0])


@dataclass(frozen=True)
class Measured:
    """What a guest found: run time in ns and runs of each round, by owner and program."""

    machine: str
    runs: dict[Key, list[tuple[int, int]]]
    #: What each of the programs printed that were run in the guest at the end, by name.
    output: dict[str, str]

    @property
    def rounds(self) -> int:
        """How often the load ran."""
        return max((len(rounds) for rounds in self.runs.values()), default=0)

    def happened(self, key: Key) -> int:
        """Runs of a program in all rounds."""
        return sum(count for _, count in self.runs.get(key, ()))

    def costs(self, keys: Iterable[Key], per: Key) -> list[float]:
        """Run time of programs, added up, for one run of ``per``: ns, one for each round."""
        times = [self.runs[key] for key in keys if key in self.runs]
        return [
            sum(one[number][0] for one in times) / count if count else math.nan
            for number, (_, count) in enumerate(self.runs.get(per, ()))
        ]

    def mean_ns(self, key: Key) -> float:
        """Mean run time of one program: the median of the rounds, NaN if it never ran."""
        means = [time / count for time, count in self.runs.get(key, ()) if count]
        return statistics.median(means) if means else math.nan


def measure(
    kernel: str,
    rounds: int,
    *,
    tools: Sequence[str] = (),
    icount: bool = False,
    programs: Mapping[str, Path] | None = None,
) -> Measured:
    """Boot, start the daemon with all its programs and the tools beside it, run the load.

    ``tools`` are command lines; their package is fetched for this only. ``programs`` are static
    executables that run once afterwards. Raises GuestError and CommandFailed. What the tools had
    to say goes to stderr.
    """
    from guest.vm import extra

    options = {"cpus": 1, "boot_timeout": 1200} if icount else {}
    with Guest(kernel, icount=icount, **options) as guest:  # type: ignore[arg-type]
        if tools:
            extra.install(guest, ["libbpf-tools"])
        guest.put(HERE / "bpf_runs_guest.py", "/tmp/bpf_runs.py")
        guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=CONFIG)
        guest.run("sysctl -q kernel.bpf_stats_enabled=1")
        guest.run("modprobe ainka && systemctl start ainkad", timeout=600)
        command = ["python3", "/tmp/bpf_runs.py", str(rounds), *tools]
        done = guest.run(command, timeout=3600)
        print(done.stderr, end="", file=sys.stderr)
        output = {}
        guest.run("systemctl stop ainkad")
        for name, path in (programs or {}).items():
            guest.put(path, f"/tmp/{name}")
            output[name] = guest.run(f"/tmp/{name}", timeout=600).stdout
        how = accel.accelerator(kernels.kernel(guest.release))
        machine = "instructions counted (QEMU icount), 1 CPU" if icount else f"{how}, 2 CPUs"
        release = guest.release
    OUT.mkdir(parents=True, exist_ok=True)
    kind = "-icount" if icount else ""
    (OUT / f"bpf_runs-{kernel}{kind}.json").write_text(done.stdout)
    rows = json.loads(done.stdout)["programs"]
    runs = {(row["owner"], row["name"]): [tuple(one) for one in row["rounds"]] for row in rows}
    return Measured(f"Linux {release}, {machine}", runs, output)


EXECVE = "tracepoint__syscalls__sys_%s_execve"
OPENAT = "tracepoint__syscalls__sys_%s_openat"
CONNECT = ("tcpconnlat", "fentry_tcp_v4_connect")

EVENTS = (
    Event("task switched", ("sched_switch",),
          (("runqlat", "sched_switch"), ("runqlat", "sched_wakeup"),
           ("runqlat", "sched_wakeup_new"), ("cpudist", "sched_switch_btf"))),
    Event("process or thread begun", ("process_fork", "sched_process_fork")),
    Event("program executed", ("process_exec", "sched_process_exec"),
          (("execsnoop", EXECVE % "enter"), ("execsnoop", EXECVE % "exit"))),
    Event("process or thread ended", ("process_exit",), (("exitsnoop", "sched_process_exit"),)),
    Event("request of a disk", ("block_rq_issue", "block_rq_complete"),
          (("biolatency", "block_rq_insert_btf"), ("biolatency", "block_rq_issue_btf"),
           ("biolatency", "block_rq_complete_btf"), ("biopattern", "handle__block_rq_complete"))),
    Event("system call", ("call_begin", "call_end"),
          (("syscount", "sys_enter"), ("syscount", "sys_exit"))),
    Event("file opened", ("file_open",),
          (("opensnoop", OPENAT % "enter"), ("opensnoop", OPENAT % "exit"))),
    Event("TCP connection", ("sock_state",),
          (CONNECT, ("tcpconnlat", "fentry_tcp_v6_connect"),
           ("tcpconnlat", "fentry_tcp_rcv_state_process")), per=CONNECT),
    Event("TCP segment", ("segment",), (("tcprtt", "tcp_rcv"),), per=("tcprtt", "tcp_rcv")),
    Event("hard interrupt", ("handler_begin", "handler_end"),
          (("hardirqs", "irq_handler_entry_btf"), ("hardirqs", "irq_handler_exit_btf"))),
    Event("soft interrupt", ("soft_begin", "soft_end"),
          (("softirqs", "softirq_entry_btf"), ("softirqs", "softirq_exit_btf"))),
    Event("timer interrupt", ("timer_begin", "timer_end")),
    Event("page fault", ("fault_begin", "fault_end")),
    Event("page into the cache", ("cache_add", "cache_refault")),
    Event("packet dropped", ("drop",)),
)  # fmt: skip
"""What happens. A program of ours that is in none is rarer than these, or stands alone."""
