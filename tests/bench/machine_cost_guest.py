# SPDX-License-Identifier: Apache-2.0
"""The guest's part of machine_cost: run one load and take its time.

machine_cost_guest.py LOAD prints the seconds it took. Whatever runs beside it was started by the
host's part before, so that starting it is not timed.
"""

from __future__ import annotations

import subprocess
import sys
import time

BUILD = "make -s -C /lib/modules/$(uname -r)/build M=/tmp/drivers"
#: Each a fixed amount of work, so that less time is better.
LOADS = {
    "module build": f"{BUILD} modules",
    "db_bench": "db_bench --db=/dev/shm/db --num=40000 --value_size=400 --threads=2 "
    "--compression_type=none --benchmarks=fillrandom,readrandom --disable_wal=1 --seed=1",
    "stress-ng --switch": "stress-ng --quiet --switch 2 --switch-ops 60000",
    "stress-ng --fork": "stress-ng --quiet --fork 2 --fork-ops 1200",
}
#: What another run of it has left behind.
BEFORE = {"module build": f"{BUILD} clean", "db_bench": "rm -rf /dev/shm/db"}


def run(command: str) -> None:
    """A shell line; ends the program when it fails."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout[-500:]}{done.stderr[-500:]}")


def main() -> None:
    """One load."""
    load = sys.argv[1]
    run(BEFORE.get(load, "true"))
    begin = time.monotonic()
    run(LOADS[load])
    print(time.monotonic() - begin)


if __name__ == "__main__":
    main()
