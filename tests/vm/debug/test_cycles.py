# SPDX-License-Identifier: Apache-2.0
"""Loading and unloading, often: what is left behind each time adds up, and kmemleak finds it."""

from __future__ import annotations

import pytest

from guest.vm import Guest

#: Every fourth time a policy is in force when the module goes.
CYCLES = """
cd /tmp
for i in $(seq {count}); do
    modprobe ainka || exit 1
    if [ $((i % 4)) = 0 ]; then
        echo 'policy add swap when ainka.uptime_ms > 0 set sysctl.vm.swappiness=10' >/proc/ainka
        [ $(cat /proc/sys/vm/swappiness) = 10 ] || {{ echo 'no change'; exit 1; }}
        cat /proc/ainka >/dev/null
    fi
    rmmod ainka || exit 1
    [ $(cat /proc/sys/vm/swappiness) = {before} ] || {{ echo 'not restored'; exit 1; }}
done
"""


@pytest.mark.timeout(1800)
def test_200_cycles_of_loading_and_unloading(guest: Guest) -> None:
    before = guest.run("cat /proc/sys/vm/swappiness").stdout.strip()
    guest.run(CYCLES.format(count=200, before=before), timeout=1500)
