# SPDX-License-Identifier: Apache-2.0
"""A snapshot of the sources that get installed, so that an image is exactly what its name says."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from guest.vm import paths
from guest.vm.errors import GuestError

#: What ends up in the guest, or decides how it gets there.
PARTS = [
    "Kbuild",
    "LICENSE",
    "LICENSES",
    "Makefile",
    "VERSION",
    "ainkactl",
    "daemon",
    "dkms.conf",
    "ebpf",
    "guest/rootfs/install",
    "kmod",
    "policies",
    "systemd",
]


class Snapshot:
    """The files as they were at one moment, whatever an editor does to them afterwards."""

    def __init__(self, root: Path = paths.ROOT) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS],
            cwd=root,
            capture_output=True,
            text=True,
        )
        if listed.returncode:
            raise GuestError(f"git cannot list the sources in {root}: {listed.stderr.strip()}")
        self.files: dict[str, bytes] = {}
        self._executable: set[str] = set()
        for name in sorted(set(listed.stdout.split("\0")) - {""}):
            path = root / name
            try:
                self.files[name] = path.read_bytes()
            except (FileNotFoundError, IsADirectoryError):
                continue  # deleted, but not yet in the index; or a nested repository
            if os.access(path, os.X_OK):
                self._executable.add(name)

    @property
    def version(self) -> str:
        """AINKA's version."""
        return self.files.get("VERSION", b"0").decode().strip()

    def digest(self) -> str:
        """A name for exactly these contents."""
        digest = hashlib.sha256()
        for name, data in self.files.items():
            digest.update(f"{name}\0{name in self._executable}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()[:12]

    def write(self, to: Path) -> None:
        """Unpack the snapshot into a directory."""
        for name, data in self.files.items():
            path = to / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if name in self._executable else 0o644)
