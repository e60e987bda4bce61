# SPDX-License-Identifier: Apache-2.0
"""The command line of AINKA: parse, call, render. What it calls is in ainkad."""
