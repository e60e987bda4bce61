# SPDX-License-Identifier: Apache-2.0
"""The daemon's configuration file. Every key has a default; an unknown one is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ainkad.signals_gen import SYSTEM_SIGNALS
from ainkad.toml_file import Table, read_toml

CONFIG_PATH = Path("/etc/ainka/config.toml")
DEFAULT_STORE = Path("/var/lib/ainka/telemetry.db")

_MS = 1_000_000


@dataclass(frozen=True)
class Config:
    """What the file says, in the units of the names; config.toml documents each key."""

    lease_ms: int = 5000
    store_path: Path = DEFAULT_STORE
    keep_days: float = 14.0
    max_decisions: int = 1_000_000
    max_mib: int = 512
    bpf_path: Path = Path("/usr/lib/ainka/sched.bpf.o")
    policies_dir: Path = Path("/etc/ainka/policies.d")
    syscalls: bool = False
    slow_call_ns: int = 10 * _MS
    interfaces: tuple[str, ...] = ()
    learning: bool = True
    explore_percent: int = 25
    tuners_dir: Path = Path("/usr/share/ainka/tuners")
    tuners: tuple[str, ...] = ("cpu-hogs",)
    protected: tuple[str, ...] = ("systemd", "sshd", "dbus-daemon")
    window_ms: int | None = None
    settle_ms: int | None = None
    seed: int | None = None
    forecasts: bool = True
    horizon_s: int = 30
    forecast_signals: tuple[str, ...] | None = None
    anomalies: bool = True
    log_level: str = "info"
    ring_kib: int = 1024
    limit_hz: int = 20_000


LOG_LEVELS = ("debug", "info", "warning", "error")


def _path(table: Table, key: str, default: Path) -> Path:
    text = table.text(key, str(default))
    if not text.startswith("/"):
        raise table.fail(key, f"{text!r} is not an absolute path", "it must begin with /")
    return Path(text)


def _window(table: Table, key: str, low_ms: int) -> int | None:
    nanoseconds = table.duration(key, None, low_ms * _MS)
    return None if nanoseconds is None else nanoseconds // _MS


MAX_INTERFACES = 16
_NAME_BYTES = 15  # IFNAMSIZ without the end


def _interfaces(table: Table) -> tuple[str, ...]:
    names = table.texts("interfaces", [])
    for name in names:
        if not 0 < len(name.encode()) <= _NAME_BYTES or re.search(r"[\s/:]", name):
            hint = 'names as "ip link" shows them, at most 15 bytes each'
            raise table.fail("interfaces", f"{name!r} is no name of an interface", hint)
        if names.count(name) > 1:
            raise table.fail("interfaces", f"{name!r} is there twice", "once is enough")
    if len(names) > MAX_INTERFACES:
        raise table.fail("interfaces", f"has {len(names)} names", f"at most {MAX_INTERFACES}")
    return tuple(names)


def parse_config(document: Table) -> Config:
    """The configuration in a document. Raises AinkaError with the key and what is allowed."""
    default = Config()
    daemon = document.table("daemon")
    store = document.table("store")
    collect = document.table("collect")
    learning = document.table("learning")
    forecast = document.table("forecast")
    horizon = forecast.duration("horizon", default.horizon_s * 1000 * _MS, 1000 * _MS)
    if horizon % (1000 * _MS) or horizon > 600_000 * _MS:
        raise forecast.fail("horizon", "is not allowed", "whole seconds, 1s to 10min")
    system = [signal.name for signal in SYSTEM_SIGNALS]
    wanted = forecast.texts("signals", None)
    for name in wanted or ():
        if name not in system:
            raise forecast.fail(
                "signals", f"{name!r} is not known", "allowed: " + ", ".join(system)
            )
    anomaly = document.table("anomaly")
    events = document.table("events")
    lease = daemon.duration("lease", default.lease_ms * _MS, 500 * _MS) // _MS
    if lease > 60_000:
        raise daemon.fail("lease", "is too long", "at most 60s")
    ring_kib = events.integer("ring_kib", 4, 65536, default.ring_kib)
    if ring_kib & (ring_kib - 1):
        raise events.fail("ring_kib", f"{ring_kib} is no power of two", "4, 8, 16 … 65536")
    config = Config(
        lease_ms=lease,
        bpf_path=_path(daemon, "bpf", default.bpf_path),
        policies_dir=_path(daemon, "policies", default.policies_dir),
        log_level=daemon.choice("log_level", LOG_LEVELS, default.log_level),
        store_path=_path(store, "path", default.store_path),
        keep_days=store.number("keep_days", 0.01, 36500, default.keep_days),
        max_decisions=store.integer("max_decisions", 1000, 1_000_000_000, default.max_decisions),
        max_mib=store.integer("max_mib", 1, 1 << 20, default.max_mib),
        syscalls=collect.boolean("syscalls", default.syscalls),
        slow_call_ns=collect.duration("slow_call", default.slow_call_ns, _MS // 1000),
        interfaces=_interfaces(collect),
        learning=learning.boolean("enabled", default.learning),
        explore_percent=learning.integer("explore_percent", 1, 100, default.explore_percent),
        tuners_dir=_path(learning, "tuners_dir", default.tuners_dir),
        tuners=tuple(learning.texts("tuners", list(default.tuners))),
        protected=tuple(learning.texts("protected", list(default.protected))),
        window_ms=_window(learning, "window", 100),
        settle_ms=_window(learning, "settle", 0),
        seed=learning.integer("seed", 0, (1 << 32) - 1, None),
        anomalies=anomaly.boolean("enabled", default.anomalies),
        forecasts=forecast.boolean("enabled", default.forecasts),
        horizon_s=horizon // (1000 * _MS),
        forecast_signals=None if wanted is None else tuple(wanted),
        ring_kib=ring_kib,
        limit_hz=events.integer("limit_hz", 0, 10_000_000, default.limit_hz),
    )
    for table in (daemon, store, collect, learning, forecast, anomaly, events, document):
        table.done()
    return config


def read_config(path: Path) -> Config:
    """The configuration in a file. Raises AinkaError with the line of the first fault."""
    return parse_config(read_toml(path))
