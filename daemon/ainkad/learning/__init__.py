# SPDX-License-Identifier: Apache-2.0
"""From windows of an experiment to an integer decision tree."""
