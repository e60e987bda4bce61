# SPDX-License-Identifier: Apache-2.0
"""Entry point and the list of commands; each command imports what it needs when it runs."""

from __future__ import annotations

# typer declares a command by calls in default values, and 0.7 does not know X | None.
# ruff: noqa: B008, UP007
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn, Optional

import typer
from ainkad.errors import AinkaError

app = typer.Typer(
    name="ainkactl",
    help="Look at AINKA and steer it.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
policies = typer.Typer(
    help="Add, list, show, resume and remove policies.", no_args_is_help=True, rich_markup_mode=None
)
tunable_commands = typer.Typer(
    help="Hand tunables back.", no_args_is_help=True, rich_markup_mode=None
)
states = typer.Typer(help="Show or set the state of the machine.", rich_markup_mode=None)
signal_commands = typer.Typer(
    help="List the signals and their present values, or push one.", rich_markup_mode=None
)
app.add_typer(policies, name="policy")
app.add_typer(signal_commands, name="signals", invoke_without_command=True)
app.add_typer(tunable_commands, name="tunable")
app.add_typer(states, name="state", invoke_without_command=True)

tuner_commands = typer.Typer(
    help="List, show, pause and resume tuners.", no_args_is_help=True, rich_markup_mode=None
)
model_commands = typer.Typer(
    help="List and show the versions of models, go back to one.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip
app.add_typer(tuner_commands, name="tuner")
app.add_typer(model_commands, name="model")

JSON = typer.Option(False, "--json", help="Print JSON.")
NAME = typer.Argument(..., metavar="NAME", help="Name of the policy.")
Text = Optional[str]


@app.command()
def status(json: bool = JSON) -> None:
    """Show the state, the lease, the counters and what evaluation costs."""
    from ainkactl import machine

    machine.status(json)


@policies.command("add")
def policy_add(
    name: Text = typer.Argument(None, metavar="[NAME]", help="Name of the policy."),
    when: Text = typer.Option(None, help="Condition that turns it on."),
    settings: list[str] = typer.Option(
        [], "--set", metavar="TUNABLE=VALUE", help="What it sets; may be repeated."
    ),
    until: Text = typer.Option(None, help="Condition that turns it off."),
    for_: Text = typer.Option(None, "--for", metavar="DURATION", help="True this long first."),
    hold: Text = typer.Option(None, metavar="DURATION", help="Minimum time on."),
    cooldown: Text = typer.Option(None, metavar="DURATION", help="Minimum time off."),
    mode: Text = typer.Option(None, help="observe, advise or enforce (default)."),
    subject: Text = typer.Option(None, help="system (default), task, cgroup or device."),
    priority: Optional[int] = typer.Option(None, help="Higher wins."),
    rate_per_min: Optional[int] = typer.Option(None, help="Most writes a minute."),
    states: Text = typer.Option(None, help="States it may enforce in, with commas."),
    replace: bool = typer.Option(False, help="Replace one of the same name."),
    file: Optional[Path] = typer.Option(
        None, "-f", "--file", help="Take the policies of a TOML file."
    ),
    json: bool = JSON,
) -> None:
    """Put a policy in force, from options or from a file."""
    from ainkactl import policy

    options = {
        "name": name,
        "when": when,
        "until": until,
        "for": for_,
        "hold": hold,
        "cooldown": cooldown,
        "mode": mode,
        "subject": subject,
        "priority": priority,
        "rate_per_min": rate_per_min,
        "states": states,
    }
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if file is not None:
        if given or settings:
            raise typer.BadParameter("a file says it all: give either -f or a name and options")
        policy.add_file(file, replace, json)
        return
    if name is None or when is None or not settings:
        raise typer.BadParameter("give NAME, --when and --set, or -f FILE")
    table: dict[str, str] = {}
    for setting in settings:
        tunable, equals, value = setting.partition("=")
        if not equals or not tunable or not value:
            raise typer.BadParameter(f"--set {setting!r}: write TUNABLE=VALUE")
        if tunable in table:
            raise typer.BadParameter(f"--set {tunable} is given twice")
        table[tunable] = value
    if states is not None:
        given["states"] = [part.strip() for part in states.split(",") if part.strip()]
    policy.add_options({**given, "set": table}, replace, json)


@policies.command("list")
def policy_list(json: bool = JSON) -> None:
    """List the policies in force."""
    from ainkactl import policy

    policy.show_all(json)


@policies.command("show")
def policy_show(name: str = NAME, json: bool = JSON) -> None:
    """Show one policy and its counters."""
    from ainkactl import policy

    policy.show(name, json)


@policies.command("remove")
def policy_remove(name: str = NAME, json: bool = JSON) -> None:
    """Remove a policy and wait until what it changed is back."""
    from ainkactl import policy

    policy.remove(name, json)


@policies.command("resume")
def policy_resume(name: str = NAME, json: bool = JSON) -> None:
    """Give a policy back what it lost by oscillating or by undo."""
    from ainkactl import handback

    handback.resume(name, json)


@signal_commands.callback()
def signals(
    context: typer.Context,
    tasks: bool = typer.Option(False, "--tasks", help="The same as --subject task."),
    subject: Text = typer.Option(
        None, help="Those of the subjects visited last: task, cgroup or device."
    ),
    json: bool = JSON,
) -> None:
    """List the signals and their present values."""
    if context.invoked_subcommand is None:
        from ainkactl import inventory

        inventory.signals(subject or ("task" if tasks else "system"), json)


@signal_commands.command("push")
def signals_push(
    values: list[str] = typer.Argument(..., metavar="NAME=VALUE...", help="What to set."),
    max_age: Text = typer.Option(
        None, "--max-age", metavar="DURATION", help="Stale after this time (5s)."
    ),
    json: bool = JSON,
) -> None:
    """Give signals of your own a value; a name that is new is registered."""
    from ainkactl import inventory

    inventory.push(values, max_age, json)


@app.command()
def tunables(
    name: Text = typer.Argument(None, metavar="[NAME]", help="Only this one, with its journal."),
    json: bool = JSON,
) -> None:
    """List the tunables, their bounds and what they are set to."""
    from ainkactl import inventory

    inventory.tunables(name, json)


@app.command()
def decisions(
    follow: bool = typer.Option(False, "--follow", help="Go on as they are taken."),
    last: int = typer.Option(20, "--last", min=0, help="How many of those taken."),
    json: bool = JSON,
) -> None:
    """List the decisions taken."""
    from ainkactl import decisions as listing

    listing.show(follow, last, json)


@app.command()
def events(
    follow: bool = typer.Option(False, "--follow", help="Go on as they happen."),
    type: list[str] = typer.Option(
        [], "--type", metavar="TYPE", help="Only these, as fork, exec, exit; may be repeated."
    ),
    last: int = typer.Option(20, "--last", min=0, help="How many of those that have happened."),
    json: bool = JSON,
) -> None:
    """List processes as they began, executed and ended, OOM kills, and slow system calls."""
    from ainkactl import events as listing

    listing.show(follow, type, last, json)


@app.command()
def doctor(json: bool = JSON) -> None:
    """Say what collects, what does not, why, and what that costs."""
    from ainkactl import doctor as examination

    examination.doctor(json)


@app.command()
def top(
    interval: float = typer.Option(
        2.0, "--interval", min=0.2, metavar="SECONDS", help="Between two views."
    ),
    once: bool = typer.Option(False, "--once", help="Show it once and end."),
    json: bool = typer.Option(False, "--json", help="Print one view as JSON and end."),
) -> None:
    """Watch the machine, the state and the decisions."""
    from ainkactl import top as view

    view.top(interval, once, json)


@app.command()
def explain(
    id: int = typer.Argument(..., metavar="ID", min=1, help="Number of the decision."),
    json: bool = JSON,
) -> None:
    """Say why a decision was taken, what it did and how to undo it."""
    from ainkactl import explain as explanation

    explanation.explain(id, json)


TUNER = typer.Argument(..., metavar="TUNER", help="Name of the tuner.")


@tuner_commands.command("list")
def tuner_list(json: bool = JSON) -> None:
    """List the tuners and what became of them."""
    from ainkactl import learned

    learned.tuners(json)


@tuner_commands.command("show")
def tuner_show(
    name: str = TUNER,
    plot: Optional[Path] = typer.Option(
        None, "--plot", metavar="FILE.png", help="Draw the effects measured so far."
    ),
    json: bool = JSON,
) -> None:
    """Show what a tuner may try, and what it has done lately."""
    from ainkactl import learned

    if plot is not None:
        learned.plot_effects(name, plot)
    learned.tuner(name, json)


@tuner_commands.command("pause")
def tuner_pause(name: str = TUNER, json: bool = JSON) -> None:
    """Let a tuner try nothing; what it has promoted stays."""
    from ainkactl import learned

    learned.pause(name, True, json)


@tuner_commands.command("resume")
def tuner_resume(name: str = TUNER, json: bool = JSON) -> None:
    """Let a paused tuner go on."""
    from ainkactl import learned

    learned.pause(name, False, json)


@model_commands.command("list")
def model_list(
    tuner: Text = typer.Option(None, "--tuner", metavar="TUNER", help="Only of this one."),
    json: bool = JSON,
) -> None:
    """List the versions of models."""
    from ainkactl import learned

    learned.models(tuner, json)


@model_commands.command("show")
def model_show(
    id: int = typer.Argument(..., metavar="MODEL", min=1, help="Number of the model."),
    json: bool = JSON,
) -> None:
    """Show what a model was made of, how well it agrees, and its effects."""
    from ainkactl import learned

    learned.model(id, json)


@model_commands.command("rollback")
def model_rollback(
    tuner: str = TUNER,
    to: Optional[int] = typer.Option(
        None, "--to", metavar="MODEL", min=1, help="Which one; otherwise the promoted one before."
    ),
    json: bool = JSON,
) -> None:
    """Let a model that was promoted before be in force again: in shadow first, then in one step."""
    from ainkactl import learned

    learned.rollback(tuner, to, json)


@app.command()
def forecast(
    plot: Optional[Path] = typer.Option(
        None, "--plot", metavar="FILE.png", help="Draw those of the last hour."
    ),
    json: bool = JSON,
) -> None:
    """Show what signals are about to become, and when memory, files or disks run out."""
    from ainkactl import forecasting

    forecasting.show(plot, json)


@app.command()
def anomalies(
    last: int = typer.Option(20, "--last", min=1, help="How many."), json: bool = JSON
) -> None:
    """List the times that were unusual, and the signals that led."""
    from ainkactl import unusual

    unusual.show(last, json)


@app.command()
def record(
    file: Path = typer.Argument(..., metavar="FILE", help="The recording that is written."),
    length: Text = typer.Option(
        None, "--for", metavar="DURATION", help="How long; otherwise until interrupted."
    ),
    json: bool = JSON,
) -> None:
    """Record what the module's evaluations see, to take the decisions again later."""
    from ainkactl import replaying

    replaying.record(file, length, json)


@app.command()
def replay(
    file: Path = typer.Argument(..., metavar="FILE", help="A recording."),
    policy: list[Path] = typer.Option(
        [], "--policy", metavar="FILE", help="Policies instead of the recorded ones; repeatable."
    ),
    json: bool = JSON,
) -> None:
    """Say which decisions follow from a recording, when and why."""
    from ainkactl import replaying

    replaying.run(file, policy, json)


@app.command()
def undo(
    id: int = typer.Argument(..., metavar="ID", min=1, help="Number of the decision."),
    json: bool = JSON,
) -> None:
    """Undo one decision; its policy may not set that tunable again until it is resumed."""
    from ainkactl import handback

    handback.undo(id, json)


@tunable_commands.command("release")
def tunable_release(
    name: str = typer.Argument(..., metavar="TUNABLE", help="Name of the tunable."),
    pid: Optional[int] = typer.Option(None, min=1, help="Only of this task."),
    subject_id: Optional[int] = typer.Option(None, min=1, help="Only of this cgroup or device."),
    json: bool = JSON,
) -> None:
    """Let policies set a tunable again that somebody else had set meanwhile."""
    from ainkactl import handback

    handback.release(name, pid, subject_id, json)


@states.callback()
def state(context: typer.Context, json: bool = JSON) -> None:
    """Show the state of the machine."""
    if context.invoked_subcommand is None:
        from ainkactl import machine

        machine.show_state(json)


@states.command("show")
def state_show(json: bool = JSON) -> None:
    """Show the state."""
    from ainkactl import machine

    machine.show_state(json)


@states.command("set")
def state_set(
    name: Text = typer.Argument(None, metavar="[STATE]", help="The new state."),
    enforce: Text = typer.Option(None, metavar="on|off", help="May tunables be written?"),
    why: str = typer.Option("set by an admin", help="What the journal says of it."),
    json: bool = JSON,
) -> None:
    """Set the state, or switch enforcement."""
    from ainkactl import machine

    if name is None and enforce is None:
        raise typer.BadParameter("give a STATE or --enforce")
    if enforce not in (None, "on", "off"):
        raise typer.BadParameter(f"--enforce {enforce!r}: on or off")
    machine.set_state(name, None if enforce is None else enforce == "on", why, json)


@app.command()
def reset(json: bool = JSON) -> None:
    """Enforcement off and everything back to its baseline."""
    from ainkactl import machine

    machine.reset(json)


@app.command()
def unload(json: bool = JSON) -> None:
    """Stop the daemon and remove the module; says what was restored."""
    from ainkactl import unload as removal

    removal.unload(json)


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
        app()
    except AinkaError as error:
        fail(error.message, error.hint)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}")


if __name__ == "__main__":
    main()
