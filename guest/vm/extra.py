# SPDX-License-Identifier: Apache-2.0
"""More Debian packages in a guest that runs, for a benchmark: the image stays as small as it is."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from guest.vm import locks, paths
from guest.vm.errors import GuestError
from guest.vm.guest import Guest

ARCHIVES = "/var/cache/ainka-extra"
INSTALL = f"dpkg --skip-same-version --force-unsafe-io -i {ARCHIVES}/*.deb"
#: First in PATH while packages are installed: what only costs time in a machine that
#: is thrown away, above all that Python, emulated, compiles what nobody imports.
QUICK = "/run/ainka-quick"
SKIPPED = ("py3compile", "update-initramfs", "mandb", "update-mime-database")
#: While it says so, no package starts its service (invoke-rc.d and systemd's helper ask it).
NO_SERVICES = "/usr/sbin/policy-rc.d"


def install(guest: Guest, packages: Sequence[str]) -> None:
    """Install packages and what they depend on and the guest lacks.

    They are fetched once, on the host, by its own apt, which is told what the guest has. A service
    among them is not started. Raises GuestError when there is no such package, or no way to it.
    """
    folder = fetch(guest.run("cat /var/lib/dpkg/status").stdout, packages)
    guest.put(folder, ARCHIVES)
    guest.run(
        f"printf '#!/bin/sh\\nexit 101\\n' > {NO_SERVICES} && chmod +x {NO_SERVICES}; "
        # dpkg takes them in the order given, which is not that of what they pre-depend on: what
        # was refused the first time gets in the second time, and what is in is skipped.
        f"export DEBIAN_FRONTEND=noninteractive PATH={QUICK}:$PATH; mkdir -p {QUICK}; "
        f"for name in {' '.join(SKIPPED)}; do ln -sf /bin/true {QUICK}/$name; done; "
        f"{{ {INSTALL} || {{ {INSTALL} && dpkg --configure -a; }}; }} >/tmp/dpkg.log 2>&1; "
        f"status=$?; rm -rf {NO_SERVICES} {ARCHIVES} {QUICK}; "
        "[ $status = 0 ] || tail -20 /tmp/dpkg.log >&2; exit $status",
        timeout=1800,
    )


def fetch(status: str, packages: Sequence[str]) -> Path:
    """The folder with the archives that a machine lacks whose /var/lib/dpkg/status is ``status``.

    Raises GuestError when apt cannot get them.
    """
    digest = hashlib.sha256("\0".join([status, *sorted(packages)]).encode()).hexdigest()
    folder = paths.cache() / f"extra-{digest[:12]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(paths.cache() / "extra.lock"):
        if (folder / "complete").exists():
            return folder
        (folder / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text(status)
        done = subprocess.run(
            ["apt-get", "install", "--download-only", "--no-install-recommends", "-q", "-y",
             "-o", f"Dir::State::status={folder / 'status'}",
             "-o", f"Dir::Cache::archives={folder}", *packages],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise GuestError(
                f"apt-get cannot fetch {' '.join(packages)}:\n{done.stderr.strip()}\n"
                "(an old package list? apt-get update)"
            )
        (folder / "complete").touch()
    return folder
