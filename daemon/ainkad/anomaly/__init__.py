# SPDX-License-Identifier: Apache-2.0
"""What is unusual on this machine: each signal by itself, and all of them together."""
