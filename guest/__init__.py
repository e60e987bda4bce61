# SPDX-License-Identifier: Apache-2.0
"""What builds and boots the Debian guest that tests, demo and benchmarks run in."""
