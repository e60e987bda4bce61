# SPDX-License-Identifier: Apache-2.0
"""Scripts that let allocations of the debug kernel fail, one after the other."""
