# SPDX-License-Identifier: Apache-2.0
"""The tables of the store and their migrations.

``PRAGMA user_version`` counts the migrations a file has been through. Append to MIGRATIONS, never
change one that was released.
"""

from __future__ import annotations

import sqlite3

from ainkad.errors import AinkaError

_FIRST = """
-- One life of the daemon. Decision ids and CLOCK_MONOTONIC begin anew with each boot.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    started_wall_ns INTEGER NOT NULL,
    wall_minus_monotonic_ns INTEGER NOT NULL
);
-- Records of the ring as they came; enumerations are the numbers of the netlink spec.
CREATE TABLE decisions (
    session INTEGER NOT NULL REFERENCES sessions(id),
    id INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    policy TEXT NOT NULL,
    policy_id INTEGER NOT NULL,
    policy_version INTEGER NOT NULL,
    tunable TEXT NOT NULL,
    subject INTEGER NOT NULL,
    pid INTEGER NOT NULL,          -- of a task, else 0
    subject_id INTEGER NOT NULL,   -- start time, cgroup id or disk sequence number
    label TEXT NOT NULL,           -- command name, path of the cgroup, device
    old INTEGER NOT NULL,
    new INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    error INTEGER NOT NULL,
    leaf INTEGER NOT NULL,
    n_causes INTEGER NOT NULL,
    cause_signals BLOB NOT NULL,   -- u16 each
    cause_values BLOB NOT NULL,    -- s64 each
    path TEXT NOT NULL,
    PRIMARY KEY (session, id)
) WITHOUT ROWID;
-- One window of a tuner's experiment, with all that the learner saw of it.
CREATE TABLE windows (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    tuner TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    stage TEXT NOT NULL,           -- usual, explore, recover, confirm or remeasure
    started_ns INTEGER NOT NULL,   -- CLOCK_MONOTONIC
    arm TEXT NOT NULL,
    reward REAL,                   -- NULL: the window was dropped
    reward_count INTEGER NOT NULL,
    guards TEXT NOT NULL,          -- JSON: signal to value
    assignment TEXT NOT NULL       -- JSON: pid, comm, treated, features of every candidate
);
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    tuner TEXT NOT NULL,
    created_wall_ns INTEGER NOT NULL,
    first_window INTEGER,          -- the data it was made of
    last_window INTEGER,
    arm TEXT NOT NULL,
    tree BLOB NOT NULL,            -- struct ainka_tree_hdr
    report TEXT NOT NULL           -- JSON: leaves, agreement, seed
);
CREATE TABLE effects (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    tuner TEXT NOT NULL,
    policy TEXT NOT NULL,
    model INTEGER REFERENCES models(id),
    measured_wall_ns INTEGER NOT NULL,
    stage TEXT NOT NULL,           -- confirm or remeasure
    reward TEXT NOT NULL,          -- what was measured
    mean REAL NOT NULL,            -- differences of log reward, with minus without
    low REAL NOT NULL,
    high REAL NOT NULL,
    alpha REAL NOT NULL,
    pairs INTEGER NOT NULL,
    promoted INTEGER NOT NULL
);
CREATE INDEX effects_of_policy ON effects (policy, measured_wall_ns);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    wall_ns INTEGER NOT NULL,
    source TEXT NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL           -- JSON
);
"""

_EXTERNAL = """
-- Names of the signals that were registered while the module ran; their ids are of one session.
CREATE TABLE external_signals (
    session INTEGER NOT NULL REFERENCES sessions(id),
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (session, id)
) WITHOUT ROWID;
"""

_VALID = """
-- The interval that holds at every look, beside Student's for a number of pairs fixed beforehand.
ALTER TABLE effects ADD COLUMN valid_low REAL;
ALTER TABLE effects ADD COLUMN valid_high REAL;
ALTER TABLE effects ADD COLUMN decided_by TEXT;      -- fixed or sequential
ALTER TABLE effects ADD COLUMN arms INTEGER;         -- compared with the baseline; alpha is of each
ALTER TABLE effects ADD COLUMN broken TEXT;          -- JSON: guards that were broken, in words
"""

_FORECASTS = """
-- What signals were, and what they were expected to become, every ten seconds.
CREATE TABLE forecasts (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    wall_ns INTEGER NOT NULL,
    signal TEXT NOT NULL,
    horizon_ms INTEGER NOT NULL,
    now REAL NOT NULL,
    model TEXT NOT NULL,           -- '': none beats the naive one, and nothing was expected
    value REAL,
    low REAL,
    high REAL,
    error REAL,                    -- mean absolute, on the scale below; of the model that is used
    naive_error REAL,
    scale TEXT NOT NULL,           -- log: of logarithms; percent
    scored INTEGER NOT NULL
);
CREATE INDEX forecasts_of_signal ON forecasts (signal, wall_ns);
-- How much is left of what can run out, every minute.
CREATE TABLE capacities (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    wall_ns INTEGER NOT NULL,
    resource TEXT NOT NULL,
    free REAL NOT NULL,
    total REAL NOT NULL,
    rate REAL NOT NULL,            -- used up per second
    seconds REAL,                  -- NULL: it does not clearly become less
    low REAL,
    high REAL,                     -- NULL: perhaps never
    steps INTEGER NOT NULL
);
CREATE INDEX capacities_of_resource ON capacities (resource, wall_ns);
"""

_ANOMALIES = """
-- Times that were unusual; the end is NULL while it lasts.
CREATE TABLE anomalies (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    began_wall_ns INTEGER NOT NULL,
    ended_wall_ns INTEGER,
    peak REAL NOT NULL,            -- largest score as a share of what is usual at most
    together INTEGER NOT NULL,     -- all signals together, rather than one, were furthest off
    leading TEXT NOT NULL          -- JSON: signal to largest score, in deviations
);
CREATE INDEX anomalies_by_time ON anomalies (began_wall_ns);
-- What analyses have learned, kept over restarts of the daemon.
CREATE TABLE states (
    name TEXT PRIMARY KEY,
    wall_ns INTEGER NOT NULL,
    data BLOB NOT NULL
) WITHOUT ROWID;
"""

_STEERING = """
-- Which model of a tuner was in force from when on.
CREATE TABLE activations (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions(id),
    wall_ns INTEGER NOT NULL,
    tuner TEXT NOT NULL,
    policy TEXT NOT NULL,
    model INTEGER REFERENCES models(id),   -- NULL: none any more
    why TEXT NOT NULL,                     -- promoted, rolled-back, withdrawn, gone or left
    detail TEXT NOT NULL                   -- JSON
);
-- What the admin has said of a tuner.
CREATE TABLE tuner_settings (
    tuner TEXT PRIMARY KEY,
    paused INTEGER NOT NULL,
    changed_wall_ns INTEGER NOT NULL
) WITHOUT ROWID;
-- What ainkactl asks of the daemon; it looks once a second.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    wall_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    argument TEXT NOT NULL,
    done_wall_ns INTEGER,                  -- NULL: not yet
    fine INTEGER,
    answer TEXT
);
"""

MIGRATIONS = (_FIRST, _EXTERNAL, _VALID, _FORECASTS, _ANOMALIES, _STEERING)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file up to date, each migration in a transaction of its own.

    Raises AinkaError when a newer program has written it.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise AinkaError(
            f"the telemetry store has schema {version}, this program knows {len(MIGRATIONS)}",
            "use the newer ainkad that wrote it, or another store path",
        )
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        db.executescript(f"BEGIN;{script}PRAGMA user_version = {number};COMMIT;")
