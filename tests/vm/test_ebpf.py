# SPDX-License-Identifier: Apache-2.0
"""The BPF programs in a real kernel, by way of the daemon's own binding.

The checks are in scripts/check_ebpf.py, which runs in the guest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.mark.every_kernel
def test_programs_count_what_the_kernel_counts(guest: Guest) -> None:
    guest.put(SCRIPTS, "/tmp/ebpf")
    done = guest.run(["python3", "/tmp/ebpf/check_ebpf.py"], timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
