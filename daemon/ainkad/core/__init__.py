# SPDX-License-Identifier: Apache-2.0
"""The pure core, as the kernel runs it: conditions, models, values, states.

What is checked, explained and replayed here is what the module would do, because it is the same
code. numpy is imported by the functions that handle batches, so that a command that compiles one
expression starts fast.
"""

from __future__ import annotations

from ainkad.core.failure import ExpressionError, ModelError
from ainkad.core.measure import (
    hist_bucket,
    hist_floor,
    hist_percentile,
    hist_percentile_wide,
    task_features,
)
from ainkad.core.model import TASK, Model, evaluate_model, model_paths, verify_model
from ainkad.core.program import Program, compile_expression, external_signals
from ainkad.core.seen import SYSTEM, Past, Windows
from ainkad.core.switching import Budget, Hysteresis, state_allows, state_next
from ainkad.core.value import Bounds, Value, parse_value

__all__ = [
    "SYSTEM",
    "TASK",
    "Bounds",
    "Budget",
    "ExpressionError",
    "Hysteresis",
    "Model",
    "ModelError",
    "Past",
    "Program",
    "Value",
    "Windows",
    "compile_expression",
    "evaluate_model",
    "external_signals",
    "hist_bucket",
    "hist_floor",
    "hist_percentile",
    "hist_percentile_wide",
    "model_paths",
    "parse_value",
    "state_allows",
    "state_next",
    "task_features",
    "verify_model",
]
