# SPDX-License-Identifier: Apache-2.0
"""The store of what was decided, measured and learned: SQLite in WAL mode."""
