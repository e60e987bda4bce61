# SPDX-License-Identifier: Apache-2.0
"""More packages for a guest: what apt says of a wrong one, and that nothing is fetched twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from guest.vm import GuestError, extra, paths

STATUS = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21.22\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AINKA_CACHE", str(tmp_path))
    return paths.cache()


def test_a_package_that_is_nowhere_is_named(cache: Path) -> None:
    with pytest.raises(GuestError, match=r"fetch no-such-package-at-all:(.|\n)*apt-get update"):
        extra.fetch(STATUS, ["no-such-package-at-all"])
    assert not list(cache.glob("extra-*/complete"))


def test_what_was_fetched_is_not_fetched_again(cache: Path) -> None:
    digest = hashlib.sha256("\0".join([STATUS, "a-name", "no-such-package"]).encode()).hexdigest()
    folder = cache / f"extra-{digest[:12]}"
    folder.mkdir(parents=True)
    (folder / "complete").touch()
    assert extra.fetch(STATUS, ["no-such-package", "a-name"]) == folder
