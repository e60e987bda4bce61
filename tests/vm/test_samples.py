# SPDX-License-Identifier: Apache-2.0
"""What the module exports, used by kmod/samples/ainka_client.c."""

from __future__ import annotations

import json
import subprocess

import pytest

from guest.vm import Guest, base
from guest.vm.paths import ROOT

SWAPPINESS = "cat /proc/sys/vm/swappiness"
SAMPLE = "/tmp/ainka_client.ko"
VALUE = "/sys/module/ainka_client/parameters/value"


def out(guest: Guest, command: str) -> str:
    return guest.run(command).stdout.strip()


def wait(guest: Guest, test: str) -> None:
    """Until a shell test holds."""
    done = guest.run(
        f"for i in $(seq 300); do {test} && exit 0; sleep 0.1; done; dmesg | tail -20; exit 1",
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{test}: {done.stdout}"


def logged(guest: Guest, words: str) -> None:
    """Wait until the sample says so anew."""
    guest.run("dmesg -C")
    wait(guest, f"dmesg | grep -q '{words}'")


@pytest.fixture
def client(guest: Guest) -> Guest:
    """A guest that has the sample, built for its kernel."""
    kdir = base.directory() / "headers/src" / f"linux-headers-{guest.release}"
    subprocess.run(
        ["make", "-C", str(ROOT), "samples", f"KDIR={kdir}"], check=True, capture_output=True
    )
    guest.put(ROOT / "build/module" / kdir.name / "kmod/samples/ainka_client.ko", SAMPLE)
    guest.run("rmmod ainka_client 2>/dev/null; true")
    return guest


def test_events_recommendation_anomaly_prediction(client: Guest) -> None:
    client.run("modprobe ainka")
    before = out(client, SWAPPINESS)
    client.run(f"insmod {SAMPLE} value=5 period_ms=50")
    try:
        logged(client, "no recommendation for sysctl.vm.swappiness: -61")
        client.run(
            "ainkactl policy add sample --when 'sample.queue_count > 100'"
            " --set sysctl.vm.swappiness=11"
        )
        assert out(client, SWAPPINESS) == before
        rows = json.loads(out(client, "ainkactl signals --json"))
        row = next(r for r in rows if r["name"] == "sample.queue_count")
        assert (row["value"], row["source"], row["max-age-ns"]) == (5, "module", 2 * 10**9)

        # a module's signal is nobody else's to push
        done = client.run("ainkactl signals push sample.queue_count=500", check=False)
        assert done.returncode == 1
        assert "is reported by the kernel module ainka_client" in done.stderr

        # it has been 5 for long enough: 500 stands out
        logged(client, "score of sample.queue_count: 0 (value 5, mean 5, deviation 0, measured)")
        client.run(f"echo 500 > {VALUE}")
        wait(client, f'[ "$({SWAPPINESS})" = 11 ]')
        wait(client, "dmesg | grep -q 'score of sample.queue_count: [0-9]\\{4,\\} (value 500'")
        logged(
            client,
            "recommendation for sysctl.vm.swappiness: 11 (now 11) by policy sample version 1: "
            "sample.queue_count > 100",
        )
        # it becomes usual, and its own score goes; one that is pushed takes precedence
        client.run("ainkactl signals push anomaly.sample.queue_count_permille=4321 --max-age 10s")
        logged(client, "score of sample.queue_count: 4321 (value 500, mean 0, deviation 0, pushed)")

        logged(client, "no prediction of sample.queue_count: -61")
        client.run(
            "ainkactl signals push forecast.sample.queue_count=700"
            " forecast_30s.sample.queue_count=900 --max-age 1h"
        )
        logged(client, "prediction of sample.queue_count: 900 in 30000 ms")

        client.run(f"echo 5 > {VALUE}")
        wait(client, f'[ "$({SWAPPINESS})" = {before} ]')
        posted = json.loads(out(client, "ainkactl status --json"))
        assert posted["posts"] > 10 and posted["posts-changed"] >= 2
    finally:
        client.run("rmmod ainka_client")


def test_advice_is_recommended_and_observation_is_not(client: Guest) -> None:
    client.run("modprobe ainka")
    before = out(client, SWAPPINESS)
    add = "ainkactl policy add sample --replace --when 'ainka.uptime_ms > 0'"
    client.run(f"{add} --set sysctl.vm.swappiness=base+7 --mode observe")
    client.run(f"insmod {SAMPLE}")
    try:
        logged(client, "no recommendation for sysctl.vm.swappiness: -61")
        client.run(f"{add} --set sysctl.vm.swappiness=base+7 --mode advise")
        logged(client, f"recommendation for sysctl.vm.swappiness: {int(before) + 7} (now {before})")
        # neither does the state matter for advice
        client.run("ainkactl state set emergency")
        logged(client, f"recommendation for sysctl.vm.swappiness: {int(before) + 7} (now {before})")
    finally:
        client.run("rmmod ainka_client")


def test_a_forecast_is_asked_for(client: Guest) -> None:
    client.run("modprobe ainka")
    code = (
        "from ainkad.netlink.client import Client\n"
        "c = Client(); e = c.subscribe('requests'); print('ready', flush=True)\n"
        "print(e.read())"
    )
    client.run(f'setsid python3 -c "{code}" > /tmp/asked.log 2>&1 < /dev/null &')
    wait(client, "grep -q ready /tmp/asked.log")
    client.run(f"insmod {SAMPLE}")
    try:
        wait(client, "grep -q forecast-ntf /tmp/asked.log")
        assert "[('forecast-ntf', {'name': 'sample.queue_count'})]" in out(
            client, "cat /tmp/asked.log"
        )
    finally:
        client.run("rmmod ainka_client; pkill -9 -f [a]inkad.netlink; true")


def test_it_comes_and_goes_in_either_order(client: Guest) -> None:
    done = client.run(f"insmod {SAMPLE}", check=False)
    assert done.returncode != 0 and "Unknown symbol" in done.stderr

    client.run("modprobe ainka")
    before = out(client, SWAPPINESS)
    client.run(f"insmod {SAMPLE} value=500")
    client.run(
        "ainkactl policy add sample --when 'sample.queue_count > 100' --set sysctl.vm.swappiness=11"
    )
    wait(client, f'[ "$({SWAPPINESS})" = 11 ]')
    busy = client.run("rmmod ainka", check=False)
    assert busy.returncode != 0 and "in use by: ainka_client" in busy.stderr

    # its signal goes with it, and the baseline comes back; the policy stays for its return
    client.run("rmmod ainka_client")
    wait(client, f'[ "$({SWAPPINESS})" = {before} ]')
    assert "sample.queue_count > 100" in out(client, "ainkactl policy show sample")
    for _ in range(5):
        client.run(f"insmod {SAMPLE} value=500 period_ms=10")
        wait(client, f'[ "$({SWAPPINESS})" = 11 ]')
        client.run("rmmod ainka_client")
        wait(client, f'[ "$({SWAPPINESS})" = {before} ]')
    # any user may push the name now
    client.run("ainkactl signals push sample.queue_count=1")
    client.run("rmmod ainka")


def test_what_cannot_be_registered_is_refused_in_the_log(client: Guest) -> None:
    client.run("modprobe ainka")
    for name, words in {
        "nonsense": "lower-case words",
        "sample.queue": "ends in its unit",
        "ainka.uptime_ms": "measures itself",
    }.items():
        client.run("dmesg -C")
        assert client.run(f"insmod {SAMPLE} signal={name}", check=False).returncode != 0
        assert f"event {name} refused" in out(client, "dmesg")
        assert words in out(client, "dmesg")
    client.run("rmmod ainka")
