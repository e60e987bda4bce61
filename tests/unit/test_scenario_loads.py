# SPDX-License-Identifier: Apache-2.0
"""The guest's part of the scenarios, as far as it needs no guest: orders, figures, programs."""

from __future__ import annotations

import io
import itertools
import json
import math
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.scenarios.load import agent, settings
from tests.bench.scenarios.load.ballast import CHUNK_MIB, Ballast, available_mib, resident_mib
from tests.bench.scenarios.load.db_bench import _PROGRESS
from tests.bench.scenarios.load.hogs import histogram_percentile
from tests.bench.scenarios.load.programs import (
    Counter,
    Program,
    compile_c,
    percentile,
    thinned,
    wait_until,
)
from tests.bench.scenarios.load.storm import service


class Load:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        self.asked.append((phase, settle_s, seconds, fresh, reset))
        if phase == "bad":
            raise RuntimeError("no disk")
        return {"ops": 5.0}

    def series(self) -> list[tuple[float, float]]:
        return [(0.5, 7.0)]

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def order(phase: str) -> str:
    return json.dumps({"order": "window", "phase": phase, "settle": 1, "seconds": 2,
                       "fresh": True, "reset": False, "series": phase == "run"}) + "\n"  # fmt: skip


def test_orders_are_answered_and_a_failure_does_not_end_the_load() -> None:
    load, answers = Load(), io.StringIO()
    orders = io.StringIO(order("bad") + order("run") + '{"order": "dance"}\n{"order": "quit"}\n'
                         + order("never"))  # fmt: skip
    agent.serve(load, orders, answers)
    first, second, third = map(json.loads, answers.getvalue().splitlines())
    assert (first["fine"], first["error"]) == (False, "RuntimeError: no disk")
    assert (second["fine"], second["figures"]) == (True, {"ops": 5.0})
    assert second["series"] == [[0.5, 7.0]]
    assert "dance" in third["error"]
    assert load.asked == [("bad", 1, 2, True, False), ("run", 1, 2, True, False)]


def test_a_rate_is_from_what_was_seen_within_the_window() -> None:
    counter = Counter()
    for tenth in range(100):
        counter.add(tenth / 10, 5 if tenth < 50 else 50)
    assert counter.total == 50 * 5 + 50 * 50
    assert counter.rate(1.0, 4.0) == pytest.approx(50)
    assert counter.rate(6.0, 9.0) == pytest.approx(500)
    assert counter.steady_after(4.0, 9.9, 500.0) == pytest.approx(1.0, abs=0.2)
    assert counter.steady_after(6.0, 9.9, 500.0) == pytest.approx(0.0, abs=0.2)
    assert math.isnan(counter.steady_after(0.0, 4.0, 500.0))
    with pytest.raises(RuntimeError, match="no progress"):
        counter.rate(20.0, 30.0)


def test_what_grows_seldom_is_counted_from_before_the_window() -> None:
    counter = Counter()
    for second in (1.0, 3.0, 7.0, 20.0):
        counter.add(second, 8)
    with pytest.raises(RuntimeError, match="no progress"):
        counter.rate(5.0, 9.0)
    assert counter.rate(5.0, 9.0, since=2.0) == pytest.approx(2.0)
    with pytest.raises(RuntimeError, match="no progress"):
        counter.rate(5.0, 9.0, since=4.0)


def test_of_a_long_series_a_point_in_a_while_is_kept() -> None:
    seen = [(step / 64, float(step)) for step in range(64)]
    kept = thinned(seen, 0.25)
    assert kept == [(0.0, 0.0), (0.25, 16.0), (0.5, 32.0), (0.75, 48.0)]
    assert thinned([], 0.25) == []


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([float(n) for n in range(1, 101)], 99) == 99.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(RuntimeError):
        percentile([], 50)


def test_progress_of_db_bench_is_read() -> None:
    line = ("2026/11/22-00:00:01  ... thread 0: (200,4800) ops and (1243.1,1240.0) ops/second in "
            "(0.160888,3.870968) seconds")  # fmt: skip
    match = _PROGRESS.search(line)
    assert match is not None
    assert match[1] == "200"


def test_percentiles_of_cyclictests_histogram() -> None:
    text = "# Histogram\n000050 000090\n000060 000009\n000100 000000\n" \
           "# Total: 000000099\n# Histogram Overflows: 00001\n"  # fmt: skip
    assert histogram_percentile(text, 50) == 50.0
    assert histogram_percentile(text, 99) == 60.0
    assert histogram_percentile(text, 100) == 101.0
    with pytest.raises(RuntimeError):
        histogram_percentile("# nothing\n", 50)


def test_a_service_is_back_when_its_delay_is_as_usual() -> None:
    usual = [(n / 100, 0.001) for n in range(100)]
    storm = [(1.0, 0.3), (1.5, 0.6)]
    after = [(2.01, 0.2), (2.22, 0.001), (2.5, 0.002)]
    found = service(usual + storm + after, begun=1.0, mark=1.1, contained=2.0, end=3.0)
    assert found["service_usual_p99_ms"] == pytest.approx(1.0)
    assert found["service_worst_ms"] == pytest.approx(600)
    assert found["service_back_ms"] == pytest.approx(220)
    calm = service([*usual, (1.5, 0.001), (2.5, 0.001)], 1.0, 1.1, 2.0, 3.0)
    assert (calm["service_worst_ms"], calm["service_back_ms"]) == pytest.approx((1.0, 0.0))
    one_in_a_hundred = [(2.001 + n / 100, 0.2 if n == 70 else 0.001) for n in range(150)]
    assert service(usual + one_in_a_hundred, 1.0, 1.1, 2.0, 4.0)["service_back_ms"] == 0.0
    for_ever = [(2.001 + n / 100, 0.2) for n in range(150)]
    assert service(usual + for_ever, 1.0, 1.1, 2.0, 4.0)["service_back_ms"] == pytest.approx(2000)


def test_of_several_words_the_chosen_one_is_the_setting() -> None:
    assert settings.value("always [madvise] never\n") == "madvise"
    assert settings.value("4096\t16384 4194304\n") == "4096\t16384 4194304"
    assert settings.value("[none] mq-deadline") == "none"


def test_settings_are_written_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of dirty_bytes and dirty_ratio the one that is not 0 is written."""
    for name, text in (("dirty_bytes", "4096"), ("dirty_ratio", "0"), ("swappiness", "60")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(settings, "TREES", (str(tmp_path),))
    monkeypatch.setattr(settings, "PATTERNS", ())
    wanted = {str(tmp_path / name): text for name, text in
              (("dirty_bytes", "0"), ("dirty_ratio", "20"), ("swappiness", "60"))}  # fmt: skip
    left = settings.restore(wanted)
    assert (tmp_path / "dirty_ratio").read_text() == "20"
    # A plain file does not zero its partner, as the kernel does; so this is what is left.
    assert left == {str(tmp_path / "dirty_bytes"): "4096"}


def test_the_appender_counts_from_when_a_call_was_due(tmp_path: Path) -> None:
    rows: list[tuple[int, int]] = []

    def take(now: float, line: str) -> None:
        due, took = map(int, line.split())
        rows.append((due, took))

    program = Program([compile_c("appender", tmp_path), str(tmp_path / "log"), "20"], take)
    try:
        wait_until(lambda: len(rows) >= 3, "calls", 60)
        program.signal(signal.SIGSTOP)
        time.sleep(0.5)
        program.signal(signal.SIGCONT)
        wait_until(lambda: len(rows) >= 30, "calls", 60)
    finally:
        program.end()
    assert {b[0] - a[0] for a, b in itertools.pairwise(rows)} == {20_000_000}
    assert max(took for _, took in rows) >= 400_000_000
    assert (tmp_path / "log").stat().st_size >= 30 * 4096


def test_the_bulk_writer_gives_up_its_debt(tmp_path: Path) -> None:
    written = Counter()
    again = threading.Event()

    def take(now: float, line: str) -> None:
        if line.strip() == "again":
            again.set()
        else:
            written.add(now, int(line))

    file = tmp_path / "written"
    program = Program([compile_c("bulk", tmp_path), str(file), "4"], take)
    try:
        wait_until(lambda: written.total > 8 << 20, "writing", 60)
        assert file.stat().st_size == 4 << 20
        program.signal(signal.SIGUSR1)
        wait_until(again.is_set, "new beginning", 60)
    finally:
        program.end()


def test_ballast_leaves_as_much_as_is_wanted() -> None:
    begin = locked()
    ballast = Ballast(lambda: 100.0 - ballast.locked_mib)
    assert ballast.leave(100 - 3 * CHUNK_MIB) == 100 - 3 * CHUNK_MIB
    assert locked() - begin == 3 * CHUNK_MIB
    assert ballast.leave(100 - CHUNK_MIB) == 100 - CHUNK_MIB
    assert locked() - begin == CHUNK_MIB
    assert ballast.leave(1000) == 100
    assert locked() == begin


def locked() -> int:
    """MiB that this process has locked."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmLck"))
    return int(line.split()[1]) // 1024


def test_what_there_is_of_memory_is_read(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2048 kB\n")
    (tmp_path / "7" / "status").write_text("VmRSS: 9 kB\nRssAnon:\t    512 kB\n")
    assert (available_mib(tmp_path), resident_mib(7, tmp_path)) == (2.0, 0.5)
    with pytest.raises(RuntimeError, match="has no RssAnon"):
        (tmp_path / "7" / "status").write_text("VmRSS: 9 kB\n")
        resident_mib(7, tmp_path)


def test_the_reader_reads_and_uses_its_memory(tmp_path: Path) -> None:
    reads = Counter()
    swept = threading.Event()

    def take(now: float, line: str) -> None:
        if line.strip() == "swept":
            swept.set()
        else:
            reads.add(now, int(line))

    program = Program(
        [compile_c("pages", tmp_path), "4", str(tmp_path / "file"), "4", "2", "1"], take
    )
    try:
        wait_until(lambda: reads.total > 1000, "reads", 60)
        program.signal(signal.SIGUSR1)
        wait_until(swept.is_set, "sweep", 60)
    finally:
        program.end()
    assert (tmp_path / "file").stat().st_size == 4 << 20


@pytest.mark.parametrize("frozen", [0, 1])
def test_a_bomb_stops_by_itself_and_says_when_it_got_where(tmp_path: Path, frozen: int) -> None:
    lines: list[str] = []
    (tmp_path / "cgroup.procs").touch()
    (tmp_path / "cgroup.events").write_text(f"populated 1\nfrozen {frozen}\n")
    (tmp_path / "pids.current").write_text("8\n")
    program = Program(
        [compile_c("bomb", tmp_path), str(tmp_path), "4", "8", "1"],
        lambda now, line: lines.append(line),
    )
    try:
        wait_until(lambda: bool(lines), "end of the bomb", 60)
    finally:
        program.end()
    found = json.loads(lines[0])
    assert found["begun_ns"] < found["mark_ns"]
    assert found["begun_ns"] < found["bound_ns"]
    assert found["begun_ns"] < found["grown_ns"]
    assert found["begun_ns"] < found["ended_ns"]
    assert found["tasks"] == 8
    assert found["failed_ns"] == 0
    assert (found["frozen_ns"] > found["begun_ns"]) == bool(frozen)
    assert (tmp_path / "cgroup.procs").read_text() == "0"


def test_a_program_that_has_ended_says_why() -> None:
    program = Program(["sh", "-c", "echo no such disk; exit 3"], lambda now, line: None)

    def ended() -> bool:
        try:
            program.must_run()
        except RuntimeError as error:
            return "no such disk" in str(error)
        return False

    wait_until(ended, "end", 30)
