# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: the loads, and what takes orders for them."""
