# SPDX-License-Identifier: Apache-2.0
"""Entry point and the list of commands."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from ainkad.errors import AinkaError

from ainkactl import plain
from ainkactl.commands import (
    counted,
    decisions,
    learning,
    machine,
    policies,
    recordings,
    signals,
    tunables,
)
from ainkactl.declared import Group

COMMANDS = Group(
    "Look at AINKA and steer it.",
    {
        "status": machine.status,
        "policy": Group(
            "Add, list, show, resume and remove policies.",
            {
                "add": policies.add,
                "list": policies.list_,
                "show": policies.show,
                "remove": policies.remove,
                "resume": policies.resume,
            },
        ),
        "signals": Group(
            "List the signals and their present values, or push one.",
            {"push": signals.push},
            alone=signals.show,
        ),
        "tunables": tunables.show,
        "tunable": Group("Hand tunables back.", {"release": tunables.release}),
        "decisions": decisions.show,
        "events": decisions.events,
        "syscalls": counted.syscalls,
        "interfaces": counted.interfaces,
        "doctor": machine.doctor,
        "top": machine.top,
        "explain": decisions.explain,
        "tuner": Group(
            "List, show, pause and resume tuners.",
            {
                "list": learning.tuner_list,
                "show": learning.tuner_show,
                "pause": learning.tuner_pause,
                "resume": learning.tuner_resume,
            },
        ),
        "model": Group(
            "List and show the versions of models, go back to one.",
            {
                "list": learning.model_list,
                "show": learning.model_show,
                "rollback": learning.model_rollback,
            },
        ),
        "forecast": signals.forecast,
        "anomalies": signals.anomalies,
        "record": recordings.record,
        "replay": recordings.replay,
        "undo": decisions.undo,
        "state": Group(
            "Show or set the state of the machine.",
            {"show": machine.state_show, "set": machine.state_set},
            alone=machine.state,
        ),
        "reset": machine.reset,
        "unload": machine.unload,
    },
)


def fail(message: str, hint: str = "") -> NoReturn:
    """Say what is wrong on standard error and exit with status 1."""
    print(f"error: {message}", file=sys.stderr)
    if hint.startswith(" "):
        print(hint, file=sys.stderr)  # an excerpt with a caret keeps its columns
    elif hint:
        print(f"hint: {hint}", file=sys.stderr)
    sys.exit(1)


def main() -> None:
    """Run the command of the command line."""
    # A reader that goes away (a pager, head) ends us silently, as it does any Unix tool.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        if not plain.run(COMMANDS, sys.argv[1:]):
            from ainkactl import full

            full.app(COMMANDS)()
    except AinkaError as error:
        fail(error.message, error.hint)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}")


if __name__ == "__main__":
    main()
