# SPDX-License-Identifier: Apache-2.0
"""TOML read strictly: every unknown key and wrong value is refused, with its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ainkad.errors import AinkaError
from ainkad.units import parse_duration

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_REQUIRED: Any = object()

_TYPE_NAMES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def type_name(value: object) -> str:
    """What a TOML value is, in words."""
    return _TYPE_NAMES.get(type(value), f"a {type(value).__name__}")


class Source:
    """Where a document came from, to say where in it a fault lies."""

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        self._text = text

    def at(self, path: Sequence[str | int]) -> str:
        """``file:line`` of a key, or ``file`` where the line cannot be told."""
        line = self._line(path)
        return f"{self.name}:{line}" if line else self.name

    def _line(self, path: Sequence[str | int]) -> int:
        """Line of the key: tomllib gives no positions, so the text is searched on an error."""
        best, depth = 0, 0
        here: list[str | int] = []
        counts: dict[str, int] = {}
        for number, line in enumerate(self._text.splitlines(), 1):
            header = _HEADER.match(line)
            if header:
                name = header[2].replace('"', "")
                here = list(name.split("."))
                if header[1] == "[[":
                    counts[name] = counts.get(name, -1) + 1
                    here.append(counts[name])
                if list(path[: len(here)]) == here and len(here) > depth:
                    best, depth = number, len(here)
            elif "=" in line:
                key = line.split("=", 1)[0].strip().replace('"', "").replace("'", "")
                full = [*here, *key.split(".")]
                flat = [*here, key]
                for candidate in (full, flat):
                    if list(path[: len(candidate)]) == candidate and len(candidate) > depth:
                        best, depth = number, len(candidate)
        return best


class Table:
    """One table of a document. Each key is asked for by its type; ``done`` refuses the rest.

    Every method raises AinkaError with the place, the key and what is allowed.
    """

    def __init__(
        self, source: Source, data: dict[str, Any], path: tuple[str | int, ...] = ()
    ) -> None:
        self.source = source
        self.path = path
        self._data = data
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def fail(self, key: str, problem: str, hint: str = "") -> AinkaError:
        """The error of a key; an empty key means the table itself."""
        path = (*self.path, key) if key else self.path
        dotted = "".join(
            f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path
        ).lstrip(".")
        place = self.source.at(path)
        return AinkaError(
            f"{place}: {dotted}: {problem}" if dotted else f"{place}: {problem}", hint
        )

    def _get(self, key: str, kinds: tuple[type, ...], default: Any, allowed: str) -> Any:
        self._asked.append(key)
        if key not in self._data:
            if default is _REQUIRED:
                raise self.fail(key, "is missing", f"it must be {allowed}")
            return default
        value = self._data[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.fail(key, f"is {type_name(value)}", f"it must be {allowed}")
        return value

    def text(self, key: str, default: Any = _REQUIRED, max_len: int = 4096) -> str:
        """A text of at most ``max_len`` bytes."""
        value: str = self._get(key, (str,), default, "a text")
        if value is not None and len(value.encode()) > max_len:
            raise self.fail(key, f"has {len(value.encode())} bytes", f"at most {max_len}")
        return value

    def matching(self, key: str, pattern: str, words: str, default: Any = _REQUIRED) -> str:
        """A text that a regular expression matches; ``words`` says what that means."""
        value = self.text(key, default)
        if value is not None and not re.fullmatch(pattern, value):
            raise self.fail(key, f"{value!r} is not allowed", f"allowed: {words}")
        return value

    def choice(self, key: str, names: Sequence[str], default: Any = _REQUIRED) -> str:
        """One of ``names``; ``_`` counts as ``-``."""
        value = self.text(key, default)
        if value is None or value == default or value.replace("_", "-") in names:
            return value.replace("_", "-") if value else value
        raise self.fail(key, f"{value!r} is not known", "allowed: " + ", ".join(names))

    def integer(self, key: str, low: int, high: int, default: Any = _REQUIRED) -> int:
        """A whole number from ``low`` to ``high``."""
        allowed = f"a whole number from {low} to {high}"
        value: int = self._get(key, (int,), default, allowed)
        if value is not None and not low <= value <= high:
            raise self.fail(key, f"{value} is out of bounds", f"it must be {allowed}")
        return value

    def number(self, key: str, low: float, high: float, default: Any = _REQUIRED) -> float:
        """A number from ``low`` to ``high``."""
        allowed = f"a number from {low:g} to {high:g}"
        value: float = self._get(key, (int, float), default, allowed)
        if value is not None and not low <= value <= high:
            raise self.fail(key, f"{value} is out of bounds", f"it must be {allowed}")
        return value

    def boolean(self, key: str, default: Any = _REQUIRED) -> bool:
        """true or false."""
        value: bool = self._get(key, (bool,), default, "true or false")
        return value

    def duration(self, key: str, default: Any = _REQUIRED, low_ns: int = 0) -> int:
        """Nanoseconds of a text such as "500ms"."""
        absent = default if default is _REQUIRED else None
        text = self._get(key, (str,), absent, 'a duration such as "500ms"')
        if text is None:
            nanoseconds: int = default
            return nanoseconds
        try:
            value = parse_duration(text)
        except AinkaError as error:
            raise self.fail(key, error.message, error.hint) from None
        if value < low_ns:
            raise self.fail(key, f"{text!r} is too short", f"at least {low_ns / 1e6:g}ms")
        return value

    def texts(self, key: str, default: Any = _REQUIRED, names: Sequence[str] = ()) -> list[str]:
        """A list of texts, each one of ``names`` if given."""
        values: list[Any] = self._get(key, (list,), default, "a list of texts")
        for value in values or ():
            if not isinstance(value, str):
                raise self.fail(key, f"holds {type_name(value)}", "it must be a list of texts")
            if names and value.replace("_", "-") not in names:
                allowed = "allowed: " + ", ".join(names)
                raise self.fail(key, f"{value!r} is not known", allowed)
        return values

    def settings(self, key: str) -> dict[str, str]:
        """A table tunable → value, where the dots of a name may be written as nested tables."""
        flat: dict[str, str] = {}

        def descend(prefix: str, table: dict[str, Any]) -> None:
            for name, value in table.items():
                full = f"{prefix}{name}"
                if isinstance(value, dict):
                    descend(f"{full}.", value)
                elif isinstance(value, str | int) and not isinstance(value, bool):
                    flat[full] = str(value)
                else:
                    hint = "a value is a whole number or a text"
                    raise self.fail(key, f"{full} is {type_name(value)}", hint)

        descend("", self._get(key, (dict,), _REQUIRED, "a table tunable = value"))
        return flat

    def table(self, key: str) -> Table:
        """A table of its own; an absent one is empty."""
        value = self._get(key, (dict,), {}, "a table")
        return Table(self.source, value, (*self.path, key))

    def tables(self, key: str) -> list[Table]:
        """An array of tables; a single table counts as one."""
        value = self._get(key, (list, dict), [], "tables, each written [[" + key + "]]")
        entries = value if isinstance(value, list) else [value]
        path = (*self.path, key)
        result = []
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise self.fail(key, f"holds {type_name(entry)}", f"write [[{key}]]")
            below = (*path, index) if isinstance(value, list) else path
            result.append(Table(self.source, entry, below))
        return result

    def done(self) -> None:
        """Refuse the keys that were not asked for."""
        for key in self._data:
            if key not in self._asked:
                raise self.fail(key, "unknown key", "allowed: " + ", ".join(sorted(self._asked)))


def read_toml(path: Path) -> Table:
    """The document in ``path``. Raises AinkaError when it cannot be read or parsed."""
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except OSError as error:
        raise AinkaError(f"{path}: {error.strerror}", "give the path of a readable file") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise AinkaError(f"{path}:{line}: not UTF-8", "TOML files are UTF-8 text") from None
    return parse_toml(str(path), text)


def parse_toml(name: str, text: str) -> Table:
    """The document ``text``. Raises AinkaError with the line of a syntax error."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        match = re.search(r"\(at line (\d+), column (\d+)\)", words)
        place = f"{name}:{match[1]}:{match[2]}" if match else name
        problem = words[: match.start()].strip() if match else words
        hint = "this is a TOML file: key = value, texts in double quotes"
        raise AinkaError(f"{place}: {problem}", hint) from None
    except RecursionError:
        raise AinkaError(f"{name}: nested too deeply", "this is not a file of ours") from None
    return Table(Source(name, text), data)
