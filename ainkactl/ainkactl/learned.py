# SPDX-License-Identifier: Apache-2.0
"""ainkactl tuner and model: what is learned, which versions there are, and steering it."""

from __future__ import annotations

import json as json_module
import math
import time
from pathlib import Path
from typing import Any

from ainkad.config import CONFIG_PATH, Config, read_config
from ainkad.errors import AinkaError
from ainkad.telemetry import lookup
from ainkad.units import format_duration

from ainkactl.explain import effect_text
from ainkactl.render import emit_json, fields, table

_EVENTS = 12
_LEGEND = (
    "measurements (o promoted, x not promoted, . measured again); "
    "interval thin: pairs fixed beforehand, wide: however often one looks"
)
_NONE = "no models yet: they come from tuners (ainkactl tuner list)"


def _config() -> Config:
    return read_config(CONFIG_PATH) if CONFIG_PATH.exists() else Config()


def _tuner_path(config: Config, name: str) -> Path:
    path = config.tuners_dir / f"{name}.toml"
    if "/" in name or not path.exists():
        there = ", ".join(sorted(p.stem for p in config.tuners_dir.glob("*.toml"))) or "none"
        raise AinkaError(f"no tuner {name!r} in {config.tuners_dir}", f"there are: {there}")
    return path


def _when(wall_ns: int | None) -> str | None:
    if wall_ns is None:
        return None
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ns // 1_000_000_000))


# ---- tuners ----


def _tuner_row(name: str, enabled: bool, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    row = known.get(name, {})
    state = "enabled" if enabled else "not enabled"
    if row.get("paused"):
        state += ", paused"
    return {
        "name": name,
        "state": state,
        "last": row.get("last"),
        "last-wall-ns": row.get("last_wall_ns"),
        "attempts": row.get("attempts", 0),
        "promotions": row.get("promotions", 0),
        "model": row.get("model"),
    }


def tuners(json: bool) -> None:
    """List the tuners."""
    config = _config()
    names = sorted(p.stem for p in config.tuners_dir.glob("*.toml"))
    store = lookup.store_path()
    known = lookup.tuners(store) if store.exists() else {}
    rows = [_tuner_row(name, name in config.tuners, known) for name in names]
    if json:
        emit_json(rows)
        return
    table(
        ("TUNER", "STATE", "ATTEMPTS", "PROMOTED", "MODEL IN FORCE", "LAST", "AT"),
        (
            (r["name"], r["state"], r["attempts"], r["promotions"], r["model"], r["last"],
             _when(r["last-wall-ns"]))
            for r in rows
        ),
        f"no tuners in {config.tuners_dir}",
    )  # fmt: skip


def tuner(name: str, json: bool) -> None:
    """Show one tuner: what it may try, and what it has done lately."""
    from ainkad.tuner.definition import read_tuner

    config = _config()
    defined = read_tuner(_tuner_path(config, name))
    store = lookup.store_path()
    known = lookup.tuners(store) if store.exists() else {}
    events = lookup.tuner_events(store, name, _EVENTS) if store.exists() else []
    row = _tuner_row(name, name in config.tuners, known)
    arms = {arm.name: dict(arm.settings) for arm in defined.arms}
    if json:
        emit_json({**row, "description": defined.description, "features": defined.features,
                   "arms": arms, "events": events})  # fmt: skip
        return
    windows = defined.windows
    fields(
        (
            ("name", name),
            ("description", defined.description),
            ("state", row["state"]),
            ("model in force", row["model"]),
            ("features", ", ".join(defined.features)),
            ("arms", "; ".join(f"{a} ({', '.join(s) or 'sets nothing'})" for a, s in arms.items())),
            ("reward", defined.reward.name),
            ("guards", ", ".join(guard.signal for guard in defined.guards) or "none"),
            ("windows", f"{format_duration(windows.length_ns)}, {windows.explore} to explore, "
                        f"{windows.confirm_pairs} pairs to confirm"),
            ("attempts", row["attempts"]),
            ("promoted", row["promotions"]),
        )
    )  # fmt: skip
    print()
    table(
        ("AT", "EVENT", "DETAIL"),
        ((_when(e["wall_ns"]), e["event"], _short(e["detail"])) for e in events),
        "nothing has happened yet",
    )


def _short(detail: dict[str, Any]) -> str:
    text = ", ".join(f"{k}={v}" for k, v in detail.items() if not isinstance(v, dict | list))
    return text[:100]


def plot_effects(name: str, path: Path) -> None:
    """Draw every measured effect with its intervals, in percent of the reward."""
    from ainkactl import plots

    rows = lookup.tuner_effects(lookup.store_path(), name)
    if not rows:
        raise AinkaError(f"nothing was measured of {name} yet", "ainkactl tuner show tells more")
    drawn, axes = plots.figure(1)
    axis = axes[0]
    for number, row in enumerate(rows):
        bands = [(row["valid_low"], row["valid_high"], plots.BAND, 5), (row["low"], row["high"],
                 plots.LINE, 1.5)]  # fmt: skip
        for low, high, colour, width in bands:
            if low is not None and high is not None:
                axis.vlines(number, _percent(low), _percent(high), color=colour, linewidth=width)
        marker = "o" if row["promoted"] else "x" if row["stage"] == "confirm" else "."
        axis.plot(number, _percent(row["mean"]), marker, color=plots.OTHER)
    axis.axhline(0, color="0.6", linewidth=0.8)
    axis.set_title(f"{name}: {rows[-1]['reward']}, change in percent", fontsize=9, loc="left")
    axis.set_xlabel(_LEGEND, fontsize=8)
    plots.save(drawn, path)


def _percent(log_ratio: float) -> float:
    return 100 * (math.exp(max(-10.0, min(log_ratio, 3.0))) - 1)


def pause(name: str, paused: bool, json: bool) -> None:
    """Pause or resume a tuner."""
    from ainkad.telemetry.steer import set_paused

    _tuner_path(_config(), name)
    set_paused(lookup.store_path(), name, paused)
    if json:
        emit_json({"name": name, "paused": paused})
    elif paused:
        print(
            f"{name} is paused: it tries nothing; what it has promoted stays, and is not measured"
        )
    else:
        print(f"{name} goes on")


# ---- models ----


def models(tuner: str | None, json: bool) -> None:
    """List the versions of models."""
    rows = [r for r in lookup.models(lookup.store_path()) if tuner in (None, r["tuner"])]
    if json:
        emit_json(rows)
        return
    table(
        ("MODEL", "TUNER", "MADE", "ARM", "BYTES", "AGREEMENT", "STATE", "TREATS"),
        (
            (r["id"], r["tuner"], _when(r["created_wall_ns"]), r["arm"], r["bytes"],
             _share(r["report"].get("agreement")), r["state"], r["report"].get("treat"))
            for r in rows
        ),
        _NONE,
    )  # fmt: skip


def _share(value: object) -> str | None:
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else None


def _one(number: int) -> dict[str, Any]:
    rows = lookup.models(lookup.store_path())
    for row in rows:
        if row["id"] == number:
            return row
    there = ", ".join(str(row["id"]) for row in rows) or "none"
    raise AinkaError(f"no model {number}", f"there are: {there}")


def model(number: int, json: bool) -> None:
    """Show one model: the data it is of, how well it agrees, what it did."""
    store = lookup.store_path()
    row = _one(number)
    effects = lookup.model_effects(store, number)
    history = lookup.activations(store, number)
    if json:
        emit_json({**row, "effects": effects, "activations": history})
        return
    report = row["report"]
    fields(
        (
            ("model", number),
            ("tuner", row["tuner"]),
            ("made", _when(row["created_wall_ns"])),
            ("arm", row["arm"]),
            ("treats", report.get("treat")),
            (
                "agreement",
                f"{_share(report.get('agreement'))} of {report.get('held_out')} held out",
            ),
            ("windows", f"{row['first_window']} to {row['last_window']}"),
            ("size", f"{row['bytes']} bytes"),
            ("state", row["state"]),
        )
    )
    for effect in effects:
        print(f"{_when(effect['measured_wall_ns'])}  {effect['stage']}: {effect_text(effect)}")
    for one in history:
        print(f"{_when(one['wall_ns'])}  {one['why']} {_short(json_module.loads(one['detail']))}")


def rollback(tuner: str, to: int | None, json: bool) -> None:
    """Let a model that was promoted before be in force again."""
    from ainkad.telemetry.steer import ask

    store = lookup.store_path()
    _tuner_path(_config(), tuner)
    rows = [r for r in lookup.models(store) if r["tuner"] == tuner and r["state"] != "never"]
    present = next((r["id"] for r in rows if r["state"] == "in force"), None)
    if to is None:
        older = [r["id"] for r in rows if present is None or r["id"] < present]
        if not older:
            raise AinkaError(
                f"{tuner} has no older model that was promoted", "ainkactl model list shows all"
            )
        to = max(older)
    elif to == present:
        raise AinkaError(f"model {to} is in force already", "ainkactl model list")
    answer = ask(store, "model-rollback", tuner, str(to))
    if json:
        emit_json({"tuner": tuner, "model": to, "answer": answer})
    else:
        print(answer)
