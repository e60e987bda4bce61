# SPDX-License-Identifier: Apache-2.0
"""The commands: what each takes and which function of ainkactl it calls.

A function here imports what it needs when it runs, so that all commands can be known at little
cost.
"""
