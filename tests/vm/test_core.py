# SPDX-License-Identifier: Apache-2.0
"""Models, windows and units where they are used: in the kernel."""

from __future__ import annotations

import time

from guest.vm import Guest


def test_models_windows_and_their_limits(guest: Guest) -> None:
    guest.put("tests/vm/scripts/check_core.py", "/tmp/check_core.py")
    guest.run("modprobe ainka")
    done = guest.run("python3 /tmp/check_core.py", timeout=400, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "core: done" in done.stdout


def test_a_window_over_a_signal_of_a_task(guest: Guest) -> None:
    guest.put("tests/vm/scripts/hold_lease.py", "/tmp/hold_lease.py")
    guest.run("modprobe ainka")
    hog = int(
        guest.run("setsid sh -c 'while :; do :; done' >/dev/null 2>&1 & echo $!").stdout.strip()
    )
    nice = f"ps -o ni= -p {hog}"
    try:
        when = f"min(task.cpu_share_permille, 4s) > 20 and task.pid == {hog}"
        guest.run(
            f"setsid python3 /tmp/hold_lease.py window '{when}' task.nice=7 experiment"
            " > /tmp/holder.log 2>&1 &"
        )
        deadline = time.monotonic() + 90
        while guest.run(nice).stdout.strip() != "7" and time.monotonic() < deadline:
            time.sleep(0.5)
        assert guest.run(nice).stdout.strip() == "7", guest.run("cat /tmp/holder.log").stdout
        said = guest.run("ainkactl decisions --json").stdout
        assert "min(task.cpu_share_permille, 4s) " in said
    finally:
        guest.run("pkill -9 -f [h]old_lease.py; true")
        deadline = time.monotonic() + 20
        while guest.run(nice).stdout.strip() != "0" and time.monotonic() < deadline:
            time.sleep(0.5)
        left = guest.run(nice).stdout.strip()
        guest.run(f"kill -9 {hog}")
    assert left == "0"
