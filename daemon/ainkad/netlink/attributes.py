# SPDX-License-Identifier: Apache-2.0
"""Netlink attributes to and from dictionaries by the names of the spec."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator, Mapping
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.spec import Attribute
from ainkad.netlink.spec_gen import FAMILY, SETS

NLA_HDR = struct.Struct("=HH")
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

_INTEGERS = {
    "u8": struct.Struct("=B"),
    "u16": struct.Struct("=H"),
    "u32": struct.Struct("=I"),
    "u64": struct.Struct("=Q"),
    "s32": struct.Struct("=i"),
    "s64": struct.Struct("=q"),
}

Attributes = dict[str, Any]


def align(length: int) -> int:
    """``length`` rounded up to the four bytes at which attributes and messages start."""
    return (length + 3) & ~3


def pack(number: int, payload: bytes) -> bytes:
    """One attribute: header, payload, padding. Raises AinkaError when it is too long for one."""
    length = NLA_HDR.size + len(payload)
    if length > 0xFFFF:
        raise AinkaError(
            f"an attribute of {len(payload)} bytes does not fit a netlink message",
            f"at most {0xFFFF - NLA_HDR.size} bytes are possible",
        )
    return NLA_HDR.pack(length, number) + payload + b"\0" * (align(length) - length)


def walk(data: bytes | memoryview) -> Iterator[tuple[int, memoryview, int]]:
    """Yield (number, payload, offset) of the attributes in ``data``; stops at a malformed one."""
    view = memoryview(data)
    offset = 0
    while offset + NLA_HDR.size <= len(view):
        length, number = NLA_HDR.unpack_from(view, offset)
        if length < NLA_HDR.size or offset + length > len(view):
            return
        yield number & NLA_TYPE_MASK, view[offset + NLA_HDR.size : offset + length], offset
        offset += align(length)


def entry_number(enum: str, value: object) -> int:
    """The number of an enumeration's entry given by its name (``_`` counts as ``-``) or number.

    Raises AinkaError with the allowed names.
    """
    names = FAMILY.enums[enum]
    if isinstance(value, str):
        name = value.replace("_", "-")
        if name in names:
            return names.index(name)
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return int(value)
    raise AinkaError(f"unknown {enum} {value!r}", "allowed: " + ", ".join(names))


def encode(attribute_set: str, values: Mapping[str, Any]) -> bytes:
    """The attributes ``values``, in the order given; None and a false flag are left out.

    Raises AinkaError for an attribute that the set lacks or a value of the wrong type.
    """
    out = bytearray()
    for name, value in values.items():
        attribute = SETS[attribute_set].by_name.get(name)
        if attribute is None:
            raise AinkaError(
                f"{attribute_set} has no attribute {name!r}",
                "allowed: " + ", ".join(SETS[attribute_set].by_name),
            )
        if value is None:
            continue
        for one in value if attribute.multi else (value,):
            out += _encode_one(attribute, one)
    return bytes(out)


def _encode_one(attribute: Attribute, value: Any) -> bytes:
    kind = attribute.type
    if kind == "nest" and attribute.nested is not None:
        inner = encode(attribute.nested, value)
        return pack(attribute.number | NLA_F_NESTED, inner)
    if kind == "flag":
        return pack(attribute.number, b"") if value else b""
    if kind == "string":
        return pack(attribute.number, str(value).encode("utf-8", "surrogateescape") + b"\0")
    if kind == "binary":
        return pack(attribute.number, bytes(value))
    number = value
    if attribute.enum is not None:
        number = entry_number(attribute.enum, value)
    try:
        return pack(attribute.number, _INTEGERS[kind].pack(number))
    except (struct.error, KeyError):
        raise AinkaError(f"{attribute.name}: {value!r} is not a value of type {kind}") from None


def decode(
    attribute_set: str, data: bytes | memoryview, only: Container[int] | None = None
) -> Attributes:
    """The attributes of ``data`` by name; unknown ones are skipped, as netlink asks for.

    ``only``: numbers of those that are wanted; the others cost next to nothing.
    """
    values: Attributes = {}
    by_number = SETS[attribute_set].by_number
    view = memoryview(data)
    offset, end = 0, len(view)
    # As walk() does, but in one loop: some thousand attributes are decoded each second.
    while offset + NLA_HDR.size <= end:
        length, number = NLA_HDR.unpack_from(view, offset)
        if length < NLA_HDR.size or offset + length > end:
            break
        number &= NLA_TYPE_MASK
        begin, offset = offset + NLA_HDR.size, offset + align(length)
        if only is not None and number not in only:
            continue
        attribute = by_number.get(number)
        if attribute is None or attribute.type == "pad":
            continue
        value = _decode_one(attribute, view[begin : begin + length - NLA_HDR.size])
        if attribute.multi:
            values.setdefault(attribute.name, []).append(value)
        else:
            values[attribute.name] = value
    return values


def _decode_one(attribute: Attribute, payload: memoryview) -> Any:
    kind = attribute.type
    if kind == "nest" and attribute.nested is not None:
        return decode(attribute.nested, payload)
    if kind == "flag":
        return True
    if kind == "string":
        return bytes(payload).split(b"\0", 1)[0].decode("utf-8", "replace")
    if kind == "binary":
        return bytes(payload)
    integer = _INTEGERS[kind]
    if len(payload) < integer.size:
        raise AinkaError(f"the kernel sent {len(payload)} bytes for {attribute.name} ({kind})")
    number: int = integer.unpack_from(payload)[0]
    if attribute.enum is not None:
        names = FAMILY.enums[attribute.enum]
        # A newer module may know more entries than we do: show the number then.
        return names[number] if 0 <= number < len(names) else number
    return number


def name_at(attribute_set: str, data: bytes, offset: int) -> str:
    """Name of the attribute that covers byte ``offset`` of ``data``, with those it is nested in.

    A repeated attribute has its number from 1, as in ``action[2].value``.
    """
    seen: dict[int, int] = {}
    for number, payload, start in walk(data):
        seen[number] = seen.get(number, 0) + 1
        end = start + NLA_HDR.size + len(payload)
        attribute = SETS[attribute_set].by_number.get(number)
        if attribute is None or not start <= offset < end:
            continue
        name = f"{attribute.name}[{seen[number]}]" if attribute.multi else attribute.name
        inner = offset - start - NLA_HDR.size
        below = name_at(attribute.nested, bytes(payload), inner) if attribute.nested else ""
        return f"{name}.{below}" if below else name
    return ""
