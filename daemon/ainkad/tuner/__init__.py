# SPDX-License-Identifier: Apache-2.0
"""Learning problems as data: explore at random, learn, compile, confirm, promote, withdraw."""
