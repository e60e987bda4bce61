# SPDX-License-Identifier: Apache-2.0
"""The daemon at work: programs loaded, lease renewed, ring read, tuners running."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ainkad.analysis import Analysis, Part, listen, read_signals
from ainkad.anomaly.part import AnomalyPart
from ainkad.call_times import not_timed
from ainkad.capabilities import drop_sys_admin, effective
from ainkad.config import Config
from ainkad.control import Control
from ainkad.core import evaluate_model
from ainkad.crashes import Crashes
from ainkad.errors import AinkaError
from ainkad.event_feed import EventFeed
from ainkad.event_maps import EventMaps
from ainkad.event_server import Answer, EventServer
from ainkad.event_socket import SOCKET_PATH
from ainkad.external import is_external
from ainkad.external import names as external_names
from ainkad.forecast.part import MAIN, ForecastPart
from ainkad.layouts_gen import RECORD_DECISION
from ainkad.learning.compile import full_evaluate
from ainkad.learning.trainer import ChildTrainer
from ainkad.lease import Lease
from ainkad.live import LiveMachine
from ainkad.netlink.client import Client
from ainkad.netlink.spec_gen import MapRole
from ainkad.policy_file import read_policies
from ainkad.programs import Programs
from ainkad.pusher import Pusher
from ainkad.resident import stay_resident
from ainkad.ring import Records, RingReader
from ainkad.systemd import notify
from ainkad.telemetry.background import BackgroundStore
from ainkad.traffic import FILE, Traffic
from ainkad.tuner.definition import Tuner, read_tuner
from ainkad.tuner.run import TunerRun
from ainkad.tuner.turn import Turn

log = logging.getLogger("ainkad")

GATHER_S = 0.2
PRUNE_S = 3600.0


def read_tuners(config: Config) -> list[Tuner]:
    """The tuners that the configuration enables. Raises AinkaError for one that is not there."""
    tuners = []
    for name in config.tuners:
        path = config.tuners_dir / f"{name}.toml"
        if not path.exists():
            there = sorted(p.stem for p in config.tuners_dir.glob("*.toml"))
            raise AinkaError(
                f"there is no tuner {name!r} in {config.tuners_dir}",
                "learning.tuners may name: " + (", ".join(there) or "none, the folder is empty"),
            )
        tuners.append(read_tuner(path).with_windows(config.window_ms, config.settle_ms))
    return tuners


def policy_files(folder: Path) -> Iterator[Path]:
    """The admin's policy files in the order of their names."""
    return iter(sorted(folder.glob("*.toml")))


BUSIEST: Final = 10
"""Subtrees of processes that a report names."""


def report(programs: Programs, traffic: Traffic, feed: EventFeed, had: list[str]) -> dict[str, Any]:
    """What the daemon knows of its own collection, for ainkactl doctor; ``had`` are the
    capabilities it was started with.
    """
    return {
        "pid": os.getpid(),
        "capabilities": had,
        "programs": programs.states() + traffic.states(),
        "events": feed.counts(),
        "processes": len(feed.tree.rows),
        "subtrees": feed.tree.busiest(time.monotonic_ns(), BUSIEST),
    }


class Service:
    """One run of the daemon, from the open device to a clean leave."""

    def __init__(self, config: Config, tuners: list[Tuner]) -> None:
        self._config = config
        self._tuners = tuners
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._external: dict[int, str] = {}

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises AinkaError when the machine lacks something."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        with contextlib.ExitStack() as stack:
            # The device first: it says in one line that there is no module or another daemon.
            ring = stack.enter_context(RingReader())
            client = stack.enter_context(Client())
            had = effective()
            store = BackgroundStore(self._config.store_path)
            stack.callback(store.close)
            lease = Lease(client, self._config.lease_ms)
            lease.renew()
            maps = stack.enter_context(
                EventMaps(self._config.ring_kib * 1024, self._config.limit_hz)
            )
            programs = self._load(stack, client, maps, lease)
            feed = EventFeed(maps)
            feed.seed()
            calls = programs.call_times
            traffic = Traffic(self._config.bpf_path.with_name(FILE), self._config.interfaces)
            stack.callback(traffic.close)
            traffic.look()
            answers: dict[str, Answer] = {
                "calls": not_timed if calls is None else calls.answer,
                "interfaces": traffic.answer,
            }
            server = EventServer(
                feed, SOCKET_PATH, lambda: report(programs, traffic, feed, had), answers
            )
            stack.callback(server.close)
            await server.start()
            disks = any(tuner.subject == "device" for tuner in self._tuners)
            machine = LiveMachine(
                client,
                programs.sched,
                self._config.protected,
                programs.map_fd(MapRole.DEVICES) if disks else None,
            )
            with contextlib.suppress(OSError):
                drop_sys_admin()
            try:
                stay_resident()
            except OSError as error:
                log.warning("event=not-resident error=%r", str(error))
            self._load_policies(client)
            parts = [
                lease.keep(programs.roles, lambda: programs.hand_over(client)),
                *self._analyses(stack, client, store, feed),
            ]
            if self._config.interfaces:
                parts.append(traffic.run())
            await self._work(ring, client, store, machine, feed, parts)

    # ---- starting ----

    def _load(
        self, stack: contextlib.ExitStack, client: Client, maps: EventMaps, lease: Lease
    ) -> Programs:
        config = self._config
        slow_call_ns = config.slow_call_ns if config.syscalls else None
        programs = Programs(stack, config.bpf_path, maps.shared, slow_call_ns)
        lease.renew()  # loading may take a while
        programs.hand_over(client)
        return programs

    def _load_policies(self, client: Client) -> None:
        """Put the admin's policies in force; a bad file costs only itself."""
        for path in policy_files(self._config.policies_dir):
            try:
                for request in read_policies(path):
                    client.request("policy-add", {**request, "replace": True})
                    log.info("event=policy-loaded policy=%s file=%s", request["name"], path)
            except AinkaError as error:
                log.error("event=policy-refused file=%s error=%r", path, error.message)

    def _analyses(
        self, stack: contextlib.ExitStack, client: Client, store: BackgroundStore, feed: EventFeed
    ) -> list[Coroutine[Any, Any, None]]:
        """What is made of signals and events, as coroutines that go on until they are cancelled."""
        config, parts = self._config, dict[str, Part]()
        found: list[Coroutine[Any, Any, None]] = []

        def push(name: str, value: int, max_age_ns: int) -> None:
            client.request("signal-set", {"name": name, "value": value, "max-age-ns": max_age_ns})

        pusher = Pusher(push)
        if config.forecasts:
            signals = MAIN if config.forecast_signals is None else config.forecast_signals
            forecasts = ForecastPart(pusher, store, config.horizon_s, signals)
            parts["forecast"] = forecasts
            try:
                events = client.subscribe("requests")
            except AinkaError as error:
                log.warning("event=requests-unheard error=%r", error.message)
            else:
                stack.callback(events.close)
                found.append(listen(events, forecasts.ask))
        if config.anomalies:
            anomalies = AnomalyPart(pusher, store)
            parts["anomaly"] = anomalies
            stack.callback(anomalies.leave)
        if config.anomalies:
            crashes = Crashes(pusher)
            feed.listeners.add(crashes.update)
            found.append(crashes.run())
        if parts:
            found.append(Analysis(parts, lambda: read_signals(client)).run())
        return found

    # ---- working ----

    async def _work(
        self,
        ring: RingReader,
        client: Client,
        store: BackgroundStore,
        machine: LiveMachine,
        feed: EventFeed,
        parts: Sequence[Coroutine[Any, Any, None]],
    ) -> None:
        turn = Turn(self._config.explore_percent / 100)
        runs = [
            self._tuner_run(tuner, machine, store, i, turn) for i, tuner in enumerate(self._tuners)
        ]
        tasks = [
            asyncio.create_task(self._read_ring(ring, client, store), name="ring"),
            asyncio.create_task(self._prune(store), name="prune"),
            asyncio.create_task(Control(store, runs).run(), name="control"),
            asyncio.create_task(feed.run(), name="events"),
            *(asyncio.create_task(run.run(), name=f"tuner {run.tuner.name}") for run in runs),
            *(asyncio.create_task(one, name=one.__qualname__) for one in parts),
        ]
        for task in tasks:
            task.add_done_callback(self._ended)
        notify("READY=1")
        names = ",".join(tuner.name for tuner in self._tuners) or "none"
        log.info("event=ready lease_ms=%d tuners=%s", self._config.lease_ms, names)
        try:
            await self._stop.wait()
        finally:
            notify("STOPPING=1")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for run in runs:
                run.leave()
            with contextlib.suppress(AinkaError):
                self._store(ring.read_batch(), client, store)
            log.info("event=left")
        if self._failure is not None:
            raise self._failure

    def _tuner_run(
        self, tuner: Tuner, machine: LiveMachine, store: BackgroundStore, i: int, turn: Turn
    ) -> TunerRun:
        configured = self._config.seed
        seed = configured + i if configured is not None else int.from_bytes(os.urandom(4), "little")
        log.info("event=tuner name=%s seed=%d", tuner.name, seed)
        evaluate = full_evaluate(tuner.features, evaluate_model)
        return TunerRun(tuner, machine, store, ChildTrainer(), evaluate, seed, turn)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that ends by itself has failed: the daemon leaves, and systemd starts it anew."""
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("event=failed part=%r error=%r", task.get_name(), str(error))
            self._failure = self._failure or error
        self._stop.set()

    def _store(self, batch: Records, client: Client, store: BackgroundStore) -> None:
        """Keep the decisions of a batch, and what external signals they name are called."""
        decisions = batch[batch["type"] == RECORD_DECISION]
        store.add_decisions(decisions)
        causes = set(decisions["cause_signal"].ravel().tolist())
        if any(map(is_external, causes - self._external.keys())):
            self._external = external_names(client)
            store.add_external(self._external)

    async def _read_ring(self, ring: RingReader, client: Client, store: BackgroundStore) -> None:
        """Take records in batches: after the first one wait a little for those that follow."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        drops = ring.drops
        while True:
            loop.add_reader(ring.fileno(), readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(ring.fileno())
            await asyncio.sleep(GATHER_S)
            readable.clear()
            batch = ring.read_batch()
            try:
                self._store(batch, client, store)
            except AinkaError as error:
                log.error("event=names-unknown records=%d error=%r", len(batch), error.message)
            if ring.drops != drops:
                log.warning("event=ring-drops records=%d", ring.drops - drops)
                drops = ring.drops

    async def _prune(self, store: BackgroundStore) -> None:
        while True:
            config = self._config
            deleted = await store.prune(
                config.keep_days, config.max_decisions, config.max_mib << 20
            )
            if deleted:
                log.info("event=pruned rows=%d", deleted)
            await asyncio.sleep(PRUNE_S)
