# SPDX-License-Identifier: Apache-2.0
"""The AINKA daemon and what it shares with ainkactl.

Nothing is imported here: ainkactl uses a few of these modules and must start fast.
"""
