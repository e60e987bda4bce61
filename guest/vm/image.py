# SPDX-License-Identifier: Apache-2.0
"""The image a guest boots from: the base image, and AINKA installed into a copy of it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from guest.vm import base, locks, paths
from guest.vm.errors import GuestError
from guest.vm.progress import Progress
from guest.vm.tree import Snapshot

#: Images that are kept, the last used first: going back to earlier sources costs nothing.
KEEP = 5
#: A guest that is starting may be about to open its image: no younger one is deleted.
GRACE_SECONDS = 120
#: What a killed build left behind, and the age at which it certainly is that.
LEFTOVERS = ("tree.*/", "base.*/", "*.new")
LEFTOVER_SECONDS = 6 * 3600


def ensure_image(*, plain: bool = False) -> Path:
    """The image of the present sources, built when there is none; ``plain``: without AINKA.

    Building needs root (chroot, mounts), so it happens in guest/image, through sudo if need be.
    """
    image = _wanted(plain)
    if image is None:
        command = [str(paths.GUEST / "image"), *(["--plain"] if plain else [])]
        if os.geteuid() != 0:
            command = ["sudo", "--preserve-env=AINKA_CACHE", *command]
        built = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if built.returncode:
            raise GuestError("the guest's image could not be built")
        # The sources may have changed meanwhile; this is what they were when it began.
        image = Path(built.stdout.splitlines()[-1])
    # Used last is deleted last. Where root built it, only root can say so, and nothing is lost.
    with contextlib.suppress(PermissionError):
        os.utime(image)
    return image


def _wanted(plain: bool) -> Path | None:
    if not base.exists():
        return None
    image = base.directory() / "image.ext4" if plain else _path(Snapshot())
    return image if image.exists() else None


def _path(snapshot: Snapshot) -> Path:
    return paths.cache() / f"ainka-{base.directory().name[5:]}-{snapshot.digest()}.ext4"


def build(*, plain: bool = False) -> Path:
    """Build what is missing, as root."""
    directory = base.build()
    if plain:
        return directory / "image.ext4"
    with locks.exclusive(paths.cache() / "image.lock"):
        snapshot = Snapshot()
        image = _path(snapshot)
        if not image.exists():
            _build(directory / "image.ext4", snapshot, image)
            _forget_others(image)
    return image


def _build(lower: Path, snapshot: Snapshot, image: Path) -> None:
    log = paths.cache() / "image.log"
    log.write_text("")
    with (
        tempfile.TemporaryDirectory(prefix="tree.", dir=paths.cache()) as tree,
        Progress("image with AINKA", 4) as progress,
    ):
        snapshot.write(Path(tree))
        # A name of its own: what a killed build has left running must not write into this one.
        descriptor, name = tempfile.mkstemp(".new", f"{image.stem}.", paths.cache())
        os.close(descriptor)
        fresh = Path(name)
        fresh.chmod(0o644)
        progress.stage("copying the base image")
        subprocess.run(["cp", "--sparse=always", str(lower), str(fresh)], check=True)
        installer = Path(tree) / "guest/rootfs/install"
        command = ["unshare", "--mount", "--propagation", "private", str(installer)]
        with subprocess.Popen(
            [*command, str(fresh), tree, snapshot.version, str(log)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if line.startswith("stage: "):
                    progress.stage(line[7:].strip())
        if process.returncode:
            fresh.unlink(missing_ok=True)
            raise GuestError(f"AINKA could not be installed in the image; more in {log}")
        fresh.rename(image)


def _forget_others(image: Path) -> None:
    """Drop images of earlier sources, but none that a guest is running from."""
    others = [path for path in paths.cache().glob("ainka-*.ext4") if path != image]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[KEEP - 1 :]:
        if time.time() - old.stat().st_mtime > GRACE_SECONDS and not locks.in_use(old):
            old.unlink(missing_ok=True)
    for leftover in itertools.chain.from_iterable(map(paths.cache().glob, LEFTOVERS)):
        if time.time() - leftover.stat().st_mtime < LEFTOVER_SECONDS:
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
