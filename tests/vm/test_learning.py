# SPDX-License-Identifier: Apache-2.0
"""What the daemon makes of a real machine's signals, and how tuners are steered there."""

from __future__ import annotations

from pathlib import Path

from guest.vm import Guest
from tests.vm.test_daemon import parsed, start, wait_for

STORE = "/var/lib/ainka/telemetry.db"


def kib(guest: Guest, field: str) -> int:
    """A field of the daemon's /proc/PID/status."""
    status = guest.run("cat /proc/$(systemctl show -P MainPID ainkad)/status").stdout
    (line,) = (line for line in status.splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])


def test_it_forecasts_stays_small_and_is_steered(guest: Guest) -> None:
    start(guest)
    wait_for(guest, "forecast", "ainkactl forecast --json | grep -q sched.run_delay_p99_us", 120)
    found = parsed(guest, "forecast")
    signals = {row["signal"]: row for row in found["forecasts"]}
    assert {"sched.cpu_busy_permille", "psi.cpu_some_permille"} <= signals.keys()
    assert 0 < signals["sched.run_delay_p99_us"]["now"] < 10_000_000
    rooms = {row["resource"]: row for row in found["capacities"]}
    assert {"memory", "files", "disk /"} <= rooms.keys()
    assert 0 < rooms["disk /"]["free"] < rooms["disk /"]["total"]
    assert "RESOURCE" in guest.run("ainkactl forecast").stdout
    assert parsed(guest, "anomalies") == []
    print(f"resident with all analyses: {kib(guest, 'VmRSS')} KiB")
    assert kib(guest, "VmRSS") < 50 * 1024
    assert kib(guest, "VmLck") > kib(guest, "VmRSS") // 2
    assert kib(guest, "VmSwap") == 0

    (row,) = (row for row in parsed(guest, "tuner list") if row["name"] == "cpu-hogs")
    assert row["state"] == "enabled"
    guest.run("ainkactl tuner pause cpu-hogs")
    wait_for(guest, "pause", "journalctl -u ainkad | grep -q 'event=paused tuner=cpu-hogs'", 20)
    guest.run("ainkactl tuner resume cpu-hogs")
    wait_for(guest, "resumption", "journalctl -u ainkad | grep -q 'event=resumed'", 20)
    assert "no models yet" in guest.run("ainkactl model list").stdout
    refused = guest.run("ainkactl model rollback cpu-hogs --to 7", check=False)
    assert refused.returncode == 1
    assert "never been promoted" in refused.stderr


def test_a_damaged_store_is_named_and_the_daemon_goes_on(guest: Guest) -> None:
    guest.run(f"mkdir -p /var/lib/ainka; rm -f {STORE}*; head -c 9000 /dev/urandom > {STORE}")
    start(guest)
    wait_for(guest, "word", "journalctl -u ainkad | grep -q 'event=store-disabled'", 60)
    log = guest.run("journalctl -u ainkad --no-pager").stdout
    assert STORE in log
    assert guest.run("systemctl is-active ainkad").stdout.strip() == "active"
    assert parsed(guest, "status")["lease-ms"] > 0
    refused = guest.run("ainkactl forecast", check=False)
    assert refused.returncode == 1
    assert STORE in refused.stderr
    guest.run(f"mv {STORE} /tmp/damaged")
    wait_for(guest, "store", "journalctl -u ainkad | grep -q 'event=store-enabled'", 90)
    wait_for(guest, "forecast", "ainkactl forecast --json | grep -q psi.cpu", 90)


CRASHES = Path(__file__).parent / "scripts" / "check_crashes.py"


def test_crashes_are_in_a_signal_at_once(guest: Guest) -> None:
    start(guest)
    guest.put(CRASHES, "/tmp/check_crashes.py")
    done = guest.run("python3 /tmp/check_crashes.py 30", timeout=300)
    assert done.stdout.endswith("crashes checked\n")
    print(done.stdout)
    assert "event=crash-loop comm='python3'" in guest.run("journalctl -u ainkad --no-pager").stdout


TUNING = '[learning]\ntuners = ["read-ahead"]\nwindow = "1s"\nsettle = "500ms"\nseed = 3\n'
READ_AHEAD = "cat /sys/block/vda/queue/read_ahead_kb"


def test_a_disk_that_is_read_is_experimented_with_and_left_as_it_was(guest: Guest) -> None:
    before, config = guest.run(READ_AHEAD).stdout, guest.run("cat /etc/ainka/config.toml").stdout
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=TUNING)
    read = "while :; do dd if=/dev/vda of=/dev/null bs=4k count=2000 iflag=direct; done"
    guest.run(f"systemd-run -q --unit=reader sh -c '{read}'")
    try:
        guest.run("modprobe ainka && systemctl start ainkad", timeout=120)
        told = "journalctl -u ainkad | grep -q 'tuner=read-ahead event=explor'"
        wait_for(guest, "exploration", told, 120)
        applied = "ainkactl decisions --json | grep -q '\"dev.read_ahead_kb\"'"
        wait_for(guest, "change of read-ahead", applied, 60)
        rows = parsed(guest, "decisions")
        changes = [row for row in rows if row["tunable"] == "dev.read_ahead_kb"]
        assert {row["policy"] for row in changes} == {"experiment.read-ahead"}
        assert {row["label"] for row in changes} == {"vda"}
        assert {str(row["new"]) for row in changes if row["verdict"] == "applied"} <= {
            "8", "32", "512",
        }  # fmt: skip
    finally:
        guest.run("systemctl stop reader; ainkactl unload")
        guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=config)
    assert guest.run(READ_AHEAD).stdout == before
