# SPDX-License-Identifier: Apache-2.0
"""Do learned policies pay? Real loads in a throw-away guest, in relation to defaults.

For each scenario: the load alone; AINKA beside it, which may learn; then rounds, in each of which
every condition comes once in an order drawn anew: defaults, every static setting, tuned's profiles,
AINKA. Results are kept in build/bench/scenarios, complete ones also in docs/results.

Exit status: 0 when all goals that were measured are met, 1 when one is not, 125 when a scenario
failed.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from guest.vm import EmulatorFault, GuestError, paths
from tests.bench.scenarios import plot, report, results
from tests.bench.scenarios.catalogue import SCENARIOS
from tests.bench.scenarios.machine import WindowError
from tests.bench.scenarios.runner import Plan, run
from tests.bench.scenarios.scenario import KINDS, Scenario

ROUNDS = 5
ATTEMPTS = 2
BROKEN = 125
KEPT = paths.ROOT / "docs" / "results"


def listed(text: str, allowed: tuple[str, ...], what: str) -> list[str]:
    """Names separated by commas. Raises ArgumentTypeError, which names what is allowed."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in allowed:
            raise argparse.ArgumentTypeError(
                f"there is no {what} {name!r}; allowed: {', '.join(allowed)}"
            )
    if not names:
        raise argparse.ArgumentTypeError(f"no {what} named; allowed: {', '.join(allowed)}")
    return names


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench-scenarios ARGS=…",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--only", metavar="NAME,…", default=list(SCENARIOS),
        type=lambda text: listed(text, tuple(SCENARIOS), "scenario"),
        help=f"of {', '.join(SCENARIOS)}")  # fmt: skip
    add("--resume", action="store_true", help="skip scenarios that have a result")
    add("--conditions", metavar="KIND,…", default=list(KINDS),
        type=lambda text: listed(text, KINDS, "kind of condition"),
        help=f"of {', '.join(KINDS)}")  # fmt: skip
    add("--rounds", type=int, default=ROUNDS, metavar="N", help="from 2 on (%(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="of every order (%(default)s)")
    add("--kernel", metavar="NAME", help="another one than the scenario's: 6.1 or 6.12")
    add("--learn", type=float, metavar="S", help="most seconds of learning, not the scenario's")
    add("--favour", action="store_true", help="run the guest before the host's other programs")
    add("--report", action="store_true", help="run nothing; print what there is")
    add("--output", type=Path, default=paths.ROOT / "build" / "bench" / "scenarios", metavar="DIR")
    options = parser.parse_args(arguments)
    if options.rounds < 2:
        parser.error("--rounds: from 2 on, for an interval needs two")
    if options.learn is not None and options.learn < 0:
        parser.error("--learn: seconds, from 0 on")
    return options


def measure(scenario: Scenario, options: argparse.Namespace) -> None:
    """Run one and write its result; once more when it was the emulator's fault."""
    plan = Plan(options.output, tuple(options.conditions), options.rounds, options.seed,
                options.kernel, options.learn, options.favour)  # fmt: skip
    command = f"make bench-scenarios ARGS={shlex.quote(shlex.join(sys.argv[1:]))}"

    def keep(so_far: dict[str, Any]) -> None:
        results.write(options.output, f"{scenario.name}.partial", {"command": command, **so_far})

    for attempt in range(1, ATTEMPTS + 1):
        try:
            result = run(scenario, plan, keep)
            break
        except EmulatorFault as fault:
            if attempt == ATTEMPTS:
                raise
            print(f"scenarios: {fault}\nscenarios: QEMU's doing: once more", file=sys.stderr)
    result = {"command": command, **result}
    results.write(options.output, scenario.name, result)
    results.path_of(options.output, f"{scenario.name}.partial").unlink(missing_ok=True)
    show(scenario, result, options.output)


def show(scenario: Scenario, result: dict[str, Any], output: Path) -> None:
    """Page and picture; a complete result is kept with the documentation."""
    folders = [output]
    if report.complete(scenario, result, ROUNDS):
        folders.append(KEPT)
        results.write(KEPT, scenario.name, result)
    for folder in folders:
        report.write_page(folder, scenario, result)
        plot.draw(scenario, result, folder / f"{scenario.name}.png")


def finish(options: argparse.Namespace) -> int:
    """The table of what there is; the status."""
    found = []
    for name in options.only:
        result = results.read(options.output, name)
        if result is not None:
            found.append((SCENARIOS[name], result))
    if not found:
        print(f"scenarios: no results in {options.output}", file=sys.stderr)
        return BROKEN
    print("\n".join(report.table(found)))
    print(f"pages, plots, figures: {options.output}")
    verdicts = [row[-1] for scenario, result in found for row in report.rows_of(scenario, result)]
    return int("NOT met" in verdicts)


def terminated(number: int, frame: FrameType | None) -> None:
    """Leave through the context managers, so that nothing stays behind."""
    sys.exit(128 + number)


def main(arguments: list[str]) -> int:
    """Status as described above."""
    signal.signal(signal.SIGTERM, terminated)
    signal.signal(signal.SIGHUP, terminated)
    options = parse(arguments)
    failed = []
    try:
        names = [] if options.report else results.pending(options.only, options.output,
                                                          options.resume)  # fmt: skip
        for name in names:
            try:
                measure(SCENARIOS[name], options)
            except (GuestError, WindowError, subprocess.SubprocessError) as error:
                # The others can be had all the same.
                print(f"scenarios: {name} failed: {error}", file=sys.stderr)
                failed.append(name)
        status = finish(options)
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError) as error:
        print(f"scenarios: {error}", file=sys.stderr)
        return BROKEN
    if failed:
        print(f"scenarios: failed: {', '.join(failed)}", file=sys.stderr)
        return BROKEN
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
