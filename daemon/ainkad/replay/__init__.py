# SPDX-License-Identifier: Apache-2.0
"""Recordings of what evaluations saw, and the decisions taken again from them."""
