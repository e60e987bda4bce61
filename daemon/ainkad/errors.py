# SPDX-License-Identifier: Apache-2.0
"""The one base of the errors a user may see."""

from __future__ import annotations


class AinkaError(Exception):
    """Something a user can read and act on.

    ``message`` says what is wrong, naming the thing; ``hint`` says what to do about it and may
    be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
