# SPDX-License-Identifier: Apache-2.0
"""What the core refuses, with the place in the text and what is wrong there."""

from __future__ import annotations

import ctypes

from ainkad.core import library
from ainkad.errors import AinkaError


class ExpressionError(AinkaError):
    """A condition or a value that does not compile.

    ``position`` and ``length`` (in characters) point at the offending part of ``text``; ``caret``
    is the text with that part marked below it.
    """

    def __init__(self, text: str, position: int, length: int, message: str) -> None:
        self.text = text
        self.position = position
        self.length = length
        self.caret = _caret(text, position, length)
        super().__init__(message, self.caret)


class ModelError(AinkaError):
    """A model that does not verify; ``node`` is the number of the offending node or term."""

    def __init__(self, node: int, message: str) -> None:
        super().__init__(f"node {node} of the model: {message}", "train and compile it again")
        self.node = node


def _caret(text: str, position: int, length: int) -> str:
    # A condition may span lines: blanks keep the marker below what it marks.
    line = "".join(c if c.isprintable() else " " for c in text)
    return f"  {line}\n  {' ' * position}{'^' * max(1, length)}"


class Failure:
    """The out parameters in which the library explains itself."""

    def __init__(self) -> None:
        self.position = ctypes.c_uint32()
        self.length = ctypes.c_uint32()
        self.buffer = ctypes.create_string_buffer(library.size(library.ERR_MSG))

    @property
    def message(self) -> str:
        return self.buffer.value.decode("ascii", "replace")

    def error(self, text: str, raw: bytes) -> ExpressionError:
        """The library counts bytes, people count characters."""
        start, end = self.position.value, self.position.value + self.length.value
        position = len(raw[:start].decode("utf-8", "ignore"))
        length = len(raw[:end].decode("utf-8", "ignore")) - position
        return ExpressionError(text, position, length, self.message)


def encode(text: str) -> bytes:
    if "\0" in text:
        raise ExpressionError(text, text.index("\0"), 1, "a NUL character is not allowed")
    return text.encode("utf-8", "surrogatepass")
