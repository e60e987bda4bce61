# SPDX-License-Identifier: Apache-2.0
"""Guests for the tests.

One guest serves a whole session, because a boot costs more than most tests; each test gets it with
the module unloaded and the daemon stopped, and leaves it so. A test that makes the kernel report a
fault fails, and the next one gets a new guest. AINKA_KERNELS (``6.1 6.12``; default ``6.1``) says
on which kernels the session runs; ``debug`` is the kernel that looks for mistakes. There a session
also fails when something has leaked, and tests that need systemd or udev are left out. With
``pytest -n 3 --dist loadgroup`` two kernels run beside each other, one worker for each, and one for
the tests that start a guest of their own. With AINKA_ONCE=1 a test runs on one of the kernels,
always the same one, unless it is marked ``every_kernel``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.vm import CommandFailed, Guest, GuestError, debug

KERNELS = os.environ.get("AINKA_KERNELS", "6.1").split()

#: Back to a machine where AINKA is installed and nothing else. The daemon lets go of the module
#: when it ends, which takes a moment.
CLEAN = """
systemctl stop ainkad 2>/dev/null
pkill -x ainkad
systemctl reset-failed 2>/dev/null
rm -rf /etc/ainka/policies.d/* /var/lib/ainka/* /run/ainka/*
for try in $(seq 50); do
    pgrep -x ainkad >/dev/null || [ -e /sys/module/ainka ] || exit 0
    [ $try != 25 ] || pkill -9 -x ainkad
    [ ! -e /sys/module/ainka ] || rmmod ainka 2>/dev/null
    sleep 0.2
done
rmmod ainka
echo 'ainka cannot be removed' >&2
exit 1
"""


#: Boots of the debug kernel, and what runs in it, take several times as long.
DEBUG_BOOT_SECONDS = 900

#: Objects younger than 5 s are not reported, and one scan may miss what the next one finds.
LEAKS = """
leaks=/sys/kernel/debug/kmemleak
sleep 6
echo scan >$leaks; echo scan >$leaks
cat $leaks
"""


# Tests of the debug kernel alone, which take long even to be left out.
collect_ignore = [] if debug.NAME in KERNELS else ["debug"]


def _elsewhere(items: list[pytest.Item]) -> list[pytest.Item]:
    """What AINKA_ONCE leaves out: the tests of each file take the kernels in turn."""
    turns: dict[tuple[Path, str], int] = {}
    left_out = []
    for item in items:
        call = getattr(item, "callspec", None)
        if not call or "session_guest" not in call.params:
            continue
        if item.get_closest_marker("every_kernel"):
            continue
        parameters = {k: str(v) for k, v in call.params.items() if k != "session_guest"}
        test = item.path, f"{item.name.partition('[')[0]} {sorted(parameters.items())}"
        turn = turns.setdefault(test, sum(path == item.path for path, _ in turns))
        if KERNELS[turn % len(KERNELS)] != call.params["session_guest"]:
            left_out.append(item)
    return left_out


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of one kernel share its guest, and so a worker.

    With AINKA_RERUNS=0 a test that is marked as flaky is not tried again but for the emulator's
    faults, as all tests.
    """
    if os.environ.get("AINKA_ONCE") == "1":
        elsewhere = _elsewhere(items)
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in set(elsewhere)]
    for item in items:
        if os.environ.get("AINKA_RERUNS") == "0" and item.get_closest_marker("flaky"):
            once = pytest.mark.flaky(reruns=2, only_rerun="EmulatorFault")
            item.add_marker(once, append=False)  # the first one counts
        call = getattr(item, "callspec", None)
        if call and "session_guest" in call.params:
            item.add_marker(pytest.mark.xdist_group(call.params["session_guest"]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A test that passed only when it was tried again says why it had failed."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"tried again: {report.nodeid}", sep="_")
        terminalreporter.line(report.longreprtext)


class Session:
    """The guest of a session, replaced when a test breaks it."""

    def __init__(self, kernel: str) -> None:
        self._kernel = kernel
        self._guest: Guest | None = None

    @property
    def debug(self) -> bool:
        """Whether it runs the debug kernel."""
        return self._kernel == debug.NAME

    def guest(self) -> Guest:
        """A running guest."""
        if self._guest is None:
            if self.debug:
                self._guest = debug_guest()
            else:
                self._guest = Guest(self._kernel).start()
        return self._guest

    def leaks(self) -> str:
        """What kmemleak found since the guest was started; empty on kernels without it."""
        if self._guest is None or not self.debug:
            return ""
        return self._guest.run(LEAKS, timeout=600).stdout

    def after_test(self) -> str:
        """Clean up; returns what is wrong, if anything."""
        guest = self.guest()
        problem = ""
        try:
            guest.run(CLEAN)
        except (GuestError, CommandFailed) as error:
            problem = f"no clean guest after this test: {error}"
        if guest.kernel_reports():
            problem = f"the kernel reported a fault:\n{guest.explain_reports()}\n{problem}"
        if problem:
            problem = f"{problem}\n(console: {guest.console})"
            self.close()
        return problem

    def close(self) -> None:
        """End it."""
        if self._guest:
            self._guest.close()
            self._guest = None


def debug_guest() -> Guest:
    """A guest with the debug kernel, whose own leaks are forgotten."""
    new = Guest(debug.NAME, memory="3G", boot_timeout=DEBUG_BOOT_SECONDS).start()
    new.run(f"{LEAKS}echo clear >$leaks", timeout=600)
    return new


@pytest.fixture(scope="session", params=KERNELS)
def session_guest(request: pytest.FixtureRequest) -> Iterator[Session]:
    session = Session(request.param)
    yield session
    leaks = session.leaks()
    session.close()
    if leaks:
        pytest.fail(f"kernel memory has leaked:\n{leaks}", pytrace=False)


@pytest.fixture
def guest(session_guest: Session, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """The session's guest: module not loaded, ainkad not running, before and after."""
    if session_guest.debug and request.node.get_closest_marker("systemd"):
        pytest.skip("the debug kernel's guest has neither systemd nor udev")
    yield session_guest.guest()
    problem = session_guest.after_test()
    if problem:
        pytest.fail(problem, pytrace=False)


@pytest.fixture
def fresh_guest() -> Iterator[Callable[..., Guest]]:
    """A factory for guests of a test's own: ``fresh_guest(kernel="6.12", cpus=1)``.

    Takes what Guest takes, and ``reports=True`` for a test that provokes the kernel on purpose.
    """
    started: list[tuple[Guest, bool]] = []

    def start(*arguments: Any, reports: bool = False, **options: Any) -> Guest:
        new = Guest(*arguments, **options)
        started.append((new, reports))
        return new.start()

    yield start
    problems = []
    for old, reports in started:
        if not reports and old.kernel_reports():
            problems.append(f"{old.explain_reports()}\n(console: {old.console})")
        old.close()
    if problems:
        pytest.fail("the kernel reported a fault:\n" + "\n\n".join(problems), pytrace=False)
