# SPDX-License-Identifier: Apache-2.0
"""The Debian mirrors this machine uses, read from its own apt configuration.

The tree names no mirror: a company's or a country's own is usually the only one that works, and
apt on this machine already knows it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from guest.vm.errors import GuestError

SUITE = "bookworm"
APT = Path("/etc/apt")


class Source(NamedTuple):
    """One place to fetch one suite from."""

    uri: str
    suite: str
    components: tuple[str, ...]


def parse_deb822(text: str) -> Iterator[Source]:
    """Sources of a ``*.sources`` file."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components)


def parse_one_line(text: str) -> Iterator[Source]:
    """Sources of a ``*.list`` file."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match:
            yield Source(match[1], match[2], tuple(match[3].split()))


def sources(apt: Path = APT) -> list[Source]:
    """Every source this machine's apt has."""
    found: list[Source] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        if path.suffix == ".list":
            found += parse_one_line(path.read_text())
        elif path.suffix == ".sources":
            found += parse_deb822(path.read_text())
    return found


def codename(os_release: Path = Path("/etc/os-release")) -> str:
    """This machine's own suite."""
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)', os_release.read_text(), re.MULTILINE)
    return match[1] if match else SUITE


def sources_list(apt: Path = APT, own: str | None = None) -> str:
    """The guest's ``sources.list``: bookworm and its updates, from where this machine's suite is.

    A machine that runs another release of Debian has the same mirrors under its own suite names.
    """
    own = own or codename()
    lines = []
    for tail in ("", "-updates", "-security"):
        for source in sources(apt):
            if source.suite == own + tail and "main" in source.components:
                lines.append(f"deb {source.uri} {SUITE}{tail} main")
                break
        else:
            if tail != "-updates":
                raise GuestError(
                    f"no Debian mirror for the suite {own}{tail} in {apt}: the guest is built "
                    "from the mirrors this machine's apt is configured with"
                )
    return "".join(line + "\n" for line in lines)


def apt_options() -> str:
    """How this machine's apt fetches (proxy, certificates, retries, stale mirrors), as apt.conf."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True)
    wanted = re.compile(r"Acquire::(?:https?|Retries|Check-Valid-Until|Check-Date)\b.* \"[^\"]+\";")
    return "".join(line + "\n" for line in dump.stdout.splitlines() if wanted.match(line))
