# SPDX-License-Identifier: Apache-2.0
"""Checks of tunables and disks that run in the guest: ``python3 -m checks.tunables NAME``."""
