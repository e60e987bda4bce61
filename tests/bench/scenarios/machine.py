# SPDX-License-Identifier: Apache-2.0
"""Hands in the guest: the load's agent, tuned, and AINKA with its switch."""

from __future__ import annotations

import json
import queue
import shlex
import subprocess
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

from guest.vm import CommandFailed, Guest, GuestError

LOAD = Path(__file__).parent / "load"
FOLDER = "/tmp/scenario"
ENFORCE = "/sys/module/ainka/parameters/enforce"


class WindowError(Exception):
    """The load could not measure a window; it goes on."""


class Agent:
    """load/agent.py in the guest, with a load that runs."""

    def __init__(self, guest: Guest, load: str, options: dict[str, Any], patience_s: float) -> None:
        guest.run(f"mkdir -p {FOLDER}")
        guest.put(LOAD, f"{FOLDER}/load")
        words = ["python3", "-m", "load.agent", load, json.dumps(options)]
        self._process = guest.popen(f"cd {FOLDER} && exec {shlex.join(words)} 2>agent.log")
        self._guest = guest
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        #: What the load has set up, for the report.
        self.facts: dict[str, Any] = self._answer(patience_s)["facts"]

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self, patience_s: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=patience_s)
        except queue.Empty:
            raise GuestError(f"the load did not answer in {patience_s:.0f} s") from None
        if not line:
            log = self._guest.run(f"tail -5 {FOLDER}/agent.log").stdout
            raise GuestError(f"the load has ended: {log.strip()}")
        answer: dict[str, Any] = json.loads(line)
        if not answer["fine"]:
            raise WindowError(answer["error"])
        return answer

    def _order(self, patience_s: float = 120, **order: Any) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer(patience_s)

    def window(
        self,
        phase: str,
        settle_s: float,
        seconds: float,
        *,
        fresh: bool,
        reset: bool,
        series: bool = False,
    ) -> dict[str, Any]:
        """Measure; ``figures`` with their names. Raises WindowError when it could not."""
        return self._order(
            settle_s + seconds + 300,
            order="window",
            phase=phase,
            settle=settle_s,
            seconds=seconds,
            fresh=fresh,
            reset=reset,
            series=series,
        )

    def settings(self) -> dict[str, str]:
        """Every setting that a condition may touch, by file."""
        found: dict[str, str] = self._order(order="settings")["settings"]
        return found

    def differing(self, wanted: dict[str, str]) -> dict[str, str]:
        """What is another one than wanted, as it is now; ``gone`` where there is none any more."""
        now = self.settings()
        return {path: now.get(path, "gone") for path, text in wanted.items()
                if now.get(path) != text}  # fmt: skip

    def restore(self, wanted: dict[str, str]) -> dict[str, str]:
        """Write back what differs; what differs still."""
        left: dict[str, str] = self._order(order="restore", settings=wanted)["left"]
        return left

    def close(self) -> None:
        """End the load."""
        if self._process.poll() is None and self._process.stdin:
            self._process.stdin.close()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                # A guest that hangs must not hide what went wrong in it before.
                self._process.kill()


#: By D-Bus and not by tuned-adm, which is Python and takes longer to start than all the rest.
TUNED = "busctl --timeout=180 call com.redhat.tuned /Tuned com.redhat.tuned.control"
TUNED_LOG = "/var/log/tuned/tuned.log"
APPLIED_S = 120


class Tuned:
    """The tuned daemon, started before its first profile; between profiles it has none, and waits.

    The load is held while it switches: it may be one that leaves nobody else a CPU.
    """

    def __init__(self, guest: Guest, hold: str = "", go_on: str = "") -> None:
        self._guest = guest
        self._hold, self._go_on = hold or "true", go_on or "true"

    def on(self, profile: str) -> None:
        """Switch to a profile, and return when it is active."""
        self._guest.run(self._hold)
        self._guest.run("systemctl start tuned", timeout=120)
        seen = self._guest.run(f"wc -l <{TUNED_LOG}").stdout.strip() or "0"
        self._guest.run(f"{TUNED} switch_profile s {profile} && {TUNED} start", timeout=240)
        # A thread of its daemon applies it.
        applied = f"static tuning from profile '{profile}' applied"
        log = f"tail -n +{int(seen) + 1} {TUNED_LOG}"
        wait = f'for _ in $(seq {4 * APPLIED_S}); do {log} | grep -qF "{applied}" && exit; '
        try:
            self._guest.run(f"{wait}sleep 0.25; done; exit 1", timeout=APPLIED_S + 60)
        except CommandFailed:
            said = self._guest.run(log).stdout
            raise GuestError(f"tuned did not take {profile}: {said.strip()[-500:]}") from None
        self._guest.run(self._go_on)

    def off(self) -> None:
        """Undo it; returns when tuned has set back what it sets back."""
        self._guest.run(self._hold)
        self._guest.run(f"{TUNED} disable", timeout=240)
        self._guest.run(self._go_on)


class Ainka:
    """Module and daemon as installed, but for the tuners that may learn."""

    def __init__(
        self, guest: Guest, tuners: list[str], policies: str, parameters: str, seed: int
    ) -> None:
        self._guest = guest
        self._tuners = tuners
        self._policies = [one["name"] for one in tomllib.loads(policies).get("policy", [])]
        #: What it runs with.
        self.config = f"[learning]\nenabled = {str(bool(tuners)).lower()}\nseed = {seed}\n"
        if tuners:
            self.config += f"tuners = {json.dumps(tuners)}\n"
        guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=self.config)
        guest.run(f"modprobe ainka {parameters} && systemctl start ainkad", timeout=180)
        guest.run(["sh", "-c", "cat > /tmp/policies.toml"], input=policies)
        self._put_policies(True)

    def enforce(self, on: bool) -> None:
        """Let policies write, or have everything back at its baseline; what was learned stays.

        Policies that were written are there only while they may write: one that has turned on with
        nothing to show for it would not turn on again when it may.
        """
        self._guest.run(f"echo {int(on)} > {ENFORCE}")
        self._put_policies(on)

    def _put_policies(self, on: bool) -> None:
        if on and self._policies:
            self._guest.run("ainkactl policy add -f /tmp/policies.toml")
        for name in [] if on else self._policies:
            self._guest.run(["ainkactl", "policy", "remove", name])

    def pause(self) -> None:
        """What was promoted stays in force; nothing is tried any more."""
        for name in self._tuners:
            self._guest.run(["ainkactl", "tuner", "pause", name])

    def state(self) -> str:
        """The module's state."""
        line = self._guest.run("grep -i '^state' /proc/ainka || true").stdout
        return line.split(":", 1)[-1].split()[0] if ":" in line else ""

    def learned(self) -> list[str]:
        """Policies of the learner that are in force."""
        rows = json.loads(self._guest.run("ainkactl policy list --json").stdout)
        return [row["name"] for row in rows if row.get("origin") == "learner"]

    def counts(self) -> dict[str, Any]:
        """Decisions so far."""
        status = json.loads(self._guest.run("ainkactl status --json").stdout)
        return {key: status.get(key) for key in ("decisions", "applied", "restored", "refused")}

    def explain(self) -> list[str]:
        """What became of the tuners, in ainkactl's words."""
        text = []
        for name in self._tuners:
            try:
                text.append(self._guest.run(["ainkactl", "tuner", "show", name]).stdout)
            except CommandFailed as error:
                text.append(str(error))
        return text

    def wait_back(self, agent: Agent, wanted: dict[str, str], seconds: float) -> dict[str, str]:
        """Until all settings are as they were; what is not in time."""
        deadline = time.monotonic() + seconds
        while True:
            left = agent.differing(wanted)
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.5)
