# SPDX-License-Identifier: Apache-2.0
"""What signals are about to become, and when something runs out."""
