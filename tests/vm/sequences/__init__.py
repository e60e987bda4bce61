# SPDX-License-Identifier: Apache-2.0
"""Random sequences of operations against the real module, and the promises that hold after each.

A property test that runs in the guest, as ``python3 -m sequences``: see ``__main__.py``.
"""
