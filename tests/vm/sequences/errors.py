# SPDX-License-Identifier: Apache-2.0
"""What ends a sequence early."""


class Broken(Exception):
    """A promise was broken: what the test is for."""


class Stuck(Exception):
    """The test itself cannot go on."""
