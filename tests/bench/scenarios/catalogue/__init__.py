# SPDX-License-Identifier: Apache-2.0
"""All scenarios, in the order of the table."""

from __future__ import annotations

from tests.bench.scenarios.catalogue import (
    change_of_phase,
    cpu_hogs,
    dirty_debt,
    fork_storm,
    lossy_path,
    memory_pressure,
    nothing_to_gain,
    read_ahead,
)
from tests.bench.scenarios.scenario import Scenario

SCENARIOS: dict[str, Scenario] = {
    one.SCENARIO.name: one.SCENARIO
    for one in (
        read_ahead,
        dirty_debt,
        cpu_hogs,
        lossy_path,
        memory_pressure,
        fork_storm,
        nothing_to_gain,
        change_of_phase,
    )
}
