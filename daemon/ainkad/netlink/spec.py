# SPDX-License-Identifier: Apache-2.0
"""Types of the tables that describe a netlink family (spec_gen.py has the tables).

Tuples rather than data classes: each call of ainkactl would pay for importing those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Attribute(NamedTuple):
    """One attribute of a set.

    ``type`` is one of u8, u16, u32, u64, s32, s64, string, binary, flag, nest, pad; ``enum`` names
    the enumeration whose entries the value is shown as; ``nested`` the attribute set of a nest;
    ``multi`` says that the attribute may be repeated, its value being a list.
    """

    name: str
    number: int
    type: str
    enum: str | None = None
    nested: str | None = None
    multi: bool = False


class AttributeSet:
    """The attributes of one kind of message, by name and by number."""

    __slots__ = ("by_name", "by_number", "name")

    def __init__(self, name: str, by_name: Mapping[str, Attribute]) -> None:
        self.name = name
        self.by_name = by_name
        self.by_number = {a.number: a for a in by_name.values()}


class Operation(NamedTuple):
    """One command of the family and the set its attributes come from."""

    name: str
    command: int
    attribute_set: str


class Family(NamedTuple):
    """A generic netlink family: its operations, attribute sets, enumerations and groups."""

    name: str
    version: int
    operations: Mapping[str, Operation]
    sets: Mapping[str, AttributeSet]
    enums: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]

    def operation_of(self, command: int) -> Operation | None:
        """The operation with this command number, or None."""
        for operation in self.operations.values():
            if operation.command == command:
                return operation
        return None
