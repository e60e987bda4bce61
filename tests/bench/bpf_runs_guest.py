# SPDX-License-Identifier: Apache-2.0
"""The guest's part of bpf_runs: starts the tools beside the daemon, then the load, and counts.

bpf_runs_guest.py ROUNDS [TOOL[ OPTION…]]… prints one JSON document:
``{"programs": [{"owner", "name", "rounds": [[run_time_ns, run_cnt], …]}, …]}``. The owner is
``ainka`` or the name of a tool; whose a program is, is known from the links that a process holds.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

CONNECTIONS, MESSAGES = 200, 20
#: So long no program has come to the others of its process: it has attached all.
QUIET_S = 3.0
PATIENCE_S = 300.0


def attached(pid: int) -> set[int]:
    """Ids of the programs that the links of a process run."""
    found = set()
    for info in Path("/proc", str(pid), "fdinfo").glob("*"):
        try:
            lines = dict(line.split(":", 1) for line in info.read_text().splitlines())
        except OSError:
            continue  # closed meanwhile
        if "link_id" in lines and "prog_id" in lines:
            found.add(int(lines["prog_id"]))
    return found


def settled(child: subprocess.Popen[bytes] | None, pid: int = 0) -> set[int]:
    """The same, when it stays so; an empty set when the process ends or attaches nothing."""
    pid = child.pid if child else pid
    last: set[int] = set()
    since = begin = time.monotonic()
    while time.monotonic() - begin < PATIENCE_S and not (child and child.poll() is not None):
        now = attached(pid)
        if now != last:
            last, since = now, time.monotonic()
        if last and time.monotonic() - since >= QUIET_S:
            return last
        time.sleep(0.5)
    return set()


def daemon() -> int:
    """The process number of ainkad."""
    command = ["systemctl", "show", "-p", "MainPID", "--value", "ainkad"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def start(tools: list[str]) -> tuple[dict[int, str], list[subprocess.Popen[bytes]]]:
    """Each tool in turn; whose the programs are, and the processes."""
    owners = dict.fromkeys(settled(None, daemon()), "ainka")
    if not owners:
        sys.exit("ainkad has attached no program")
    children = []
    for line in tools:
        command = line.split()
        said = Path("/tmp", f"{command[0]}.err")
        with said.open("w") as errors:
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        new = settled(child)
        if not new:
            child.kill()
            reason = said.read_text(errors="replace").strip().splitlines()
            print(f"{command[0]} does not run here: {' / '.join(reason[-2:])}", file=sys.stderr)
            continue
        children.append(child)
        owners |= dict.fromkeys(new, command[0])
    return owners, children


def programs() -> dict[int, dict[str, Any]]:
    """Programs loaded now, by id."""
    done = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, check=True)
    return {row["id"]: row for row in json.loads(done.stdout)}


def network() -> None:
    """Connections over the loopback interface, and a few messages on each."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(CONNECTIONS):
            with server.accept()[0] as peer:
                while data := peer.recv(4096):
                    peer.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    for _ in range(CONNECTIONS):
        with socket.create_connection(server.getsockname()) as client:
            for _ in range(MESSAGES):
                client.sendall(b"x" * 1000)
                client.recv(4096)
    thread.join()
    server.close()


def load() -> None:
    """Something of everything that is counted."""
    for command in (
        "stress-ng --quiet --switch 2 --switch-ops 20000",
        "for i in $(seq 300); do /bin/true; done",
        "echo 3 > /proc/sys/vm/drop_caches; "
        "dd if=/dev/vda of=/dev/null bs=4k count=2000 iflag=direct",
        "dd if=/dev/vda of=/dev/null bs=64k count=500",
        "dd if=/dev/zero of=/dev/null bs=1 count=100000",
        "find /usr/share -type f | head -2000 | xargs cat >/dev/null",
    ):
        subprocess.run(["sh", "-c", command], check=True, stderr=subprocess.DEVNULL)
    network()


def difference(before: dict[int, Any], after: dict[int, Any]) -> dict[int, list[int]]:
    """What each program did between two looks: its run time and its runs."""
    return {
        number: [row.get(f, 0) - before[number].get(f, 0) for f in ("run_time_ns", "run_cnt")]
        for number, row in after.items()
        if number in before
    }


def main() -> None:
    """Tools, then rounds of the load."""
    owners, children = start(sys.argv[2:])
    load()  # so that every round finds the caches and tables alike
    rounds, after = [], programs()
    for _ in range(int(sys.argv[1])):
        before = programs()
        load()
        after = programs()
        rounds.append(difference(before, after))
    for child in children:
        child.kill()
    rows = [
        {"owner": owner, "name": after[number].get("name", ""),
         "rounds": [one.get(number, [0, 0]) for one in rounds]}
        for number, owner in owners.items()
        if number in after
    ]  # fmt: skip
    print(json.dumps({"programs": rows}))


if __name__ == "__main__":
    main()
