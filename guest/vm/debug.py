# SPDX-License-Identifier: Apache-2.0
"""The debug kernel: linux-source-6.12 with everything that finds mistakes switched on.

It is configured by guest/debug/config, compiled once (a quarter of an hour on two CPUs), and boots
the guest's ordinary root file system with a small init of its own, because udev and systemd would
take minutes under KASAN and emulation. The module is compiled against it on this machine, from the
tree as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from guest.vm import base, locks, paths
from guest.vm.errors import GuestError
from guest.vm.progress import Progress

NAME = "debug"
PACKAGE = "linux-source-6.12"
LOCALVERSION = "-ainka-debug"
HERE = paths.GUEST / "debug"

#: Words for the command line: a report does not silence the next one.
CMDLINE = "kasan_multi_shot kmemleak=on"

#: Parts of the source that nothing here is compiled from; their Kconfig files are kept.
UNNEEDED = [
    "arch/*/boot/dts",
    "drivers/gpu/drm/amd/include",
    "Documentation/*/*",
    "tools/testing",
    "tools/perf",
]

_make = ["make", "ARCH=x86_64", f"LOCALVERSION={LOCALVERSION}"]


def directory() -> Path:
    """Where the kernel of the present configuration is, or will be."""
    digest = hashlib.sha256((HERE / "config").read_bytes()).hexdigest()
    return paths.cache() / f"debug-{digest[:12]}"


def image() -> Path:
    """What QEMU boots."""
    return directory() / "bzImage"


def headers() -> Path:
    """What modules are compiled against; its name is the kernel's release."""
    found = list((directory() / "headers").glob(f"*{LOCALVERSION}"))
    if not found:
        raise GuestError("the debug kernel is not built: make test-debug builds it")
    return found[0]


def release() -> str:
    """The full name of the kernel."""
    return headers().name


def ensure() -> None:
    """Build the kernel unless it is there."""
    if image().exists():
        return
    subprocess.run([str(paths.GUEST / "deps"), "debug"], check=True, stdin=subprocess.DEVNULL)
    with locks.exclusive(paths.cache() / "debug.lock"):
        if not image().exists():
            _build(directory())


def _build(final: Path) -> None:
    for stale in paths.cache().glob("debug.*"):
        # Left by a build that was killed; we hold the lock.
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="debug.", dir=paths.cache()))
    log = paths.cache() / "debug.log"
    log.write_text("")
    try:
        with Progress("debug kernel (about 15 minutes on two CPUs)", 5) as progress:
            progress.stage(f"fetching {PACKAGE}")
            source = _fetch(work, log)
            progress.stage("configuring")
            _configure(source, log)
            progress.stage("compiling")
            _compile(source, log, progress)
            progress.stage("collecting headers")
            _collect(source, work / "result", log)
            shutil.rmtree(final, ignore_errors=True)
            (work / "result").rename(final)
            progress.stage("tidying up")
            shutil.rmtree(work)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    for old in paths.cache().glob("debug-*"):
        if old != final and old.is_dir() and not _in_use(old):
            shutil.rmtree(old, ignore_errors=True)


def _in_use(old: Path) -> bool:
    kernel = old / "bzImage"
    return kernel.exists() and locks.in_use(kernel)


def _fetch(work: Path, log: Path) -> Path:
    # apt-get's sandbox user may not enter a directory of ours; it then fetches as root.
    _run(["apt-get", "-q", "download", PACKAGE], log, work, hint="try apt-get update")
    (deb,) = work.glob("*.deb")
    _run(["dpkg-deb", "-x", deb.name, "package"], log, work)
    deb.unlink()
    top = PACKAGE
    exclude = [f"--exclude={top}/{pattern}" for pattern in UNNEEDED]
    tarball = f"package/usr/src/{PACKAGE}.tar.xz"
    _run(["tar", "-xf", tarball, "--wildcards", *exclude], log, work)
    shutil.rmtree(work / "package")
    return work / top


def _configure(source: Path, log: Path) -> None:
    config = HERE / "config"
    _run([*_make, "allnoconfig"], log, source, {"KCONFIG_ALLCONFIG": str(config)})
    refused = not_taken(config.read_text(), (source / ".config").read_text())
    if refused:
        raise GuestError(f"the kernel did not take from {config}: {', '.join(refused)}")


def not_taken(wanted: str, got: str) -> list[str]:
    """The lines of a configuration fragment that a configuration does not have."""
    have = set(got.splitlines())
    lines = [line for line in wanted.splitlines() if re.match(r"(?:# )?CONFIG_", line)]
    off = re.compile(r"# (CONFIG_\w+) is not set")
    missing = []
    for line in lines:
        unset = off.match(line)
        # A symbol that cannot be set at all is not listed: that is off, too.
        if unset and not any(text.startswith(f"{unset[1]}=") for text in have):
            continue
        if line not in have:
            missing.append(line)
    return missing


def _compile(source: Path, log: Path, progress: Progress) -> None:
    jobs = os.cpu_count() or 1
    files = 0
    told = time.monotonic()
    with (
        log.open("a") as output,
        subprocess.Popen(
            [*_make, f"-j{jobs}", "bzImage", "modules"],
            cwd=source,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            output.write(line)
            files += line.startswith("  CC ")
            if time.monotonic() - told > 30:
                told = time.monotonic()
                progress.note(f"{files} files compiled")
    if process.returncode:
        raise GuestError(f"the debug kernel does not compile; all of it is in {log}:\n{_end(log)}")


def _collect(source: Path, result: Path, log: Path) -> None:
    """Keep what boots and what modules need; the rest is gigabytes."""
    named = subprocess.run(
        [*_make, "-s", "kernelrelease"], cwd=source, capture_output=True, text=True, check=True
    ).stdout.strip()
    kdir = result / "headers" / named
    kdir.parent.mkdir(parents=True)
    command = f"$(srctree)/scripts/package/install-extmod-build {kdir}"
    _run([*_make, "run-command", f"KBUILD_RUN_COMMAND={command}"], log, source)
    # For the module's BTF, and to translate the addresses of a report by hand.
    _run(["strip", "--strip-debug", "-o", str(kdir / "vmlinux"), "vmlinux"], log, source)
    modules = {"INSTALL_MOD_PATH": str(result), "INSTALL_MOD_STRIP": "1", "DEPMOD": "true"}
    _run([*_make, "modules_install"], log, source, modules)
    for link in (result / "lib/modules").glob("*/build"):
        link.unlink()
    shutil.copy(source / ".config", result / "config")
    shutil.copy(source / "arch/x86/boot/bzImage", result / "bzImage")


def initramfs() -> Path:
    """The small init and the busybox it runs on, as the kernel unpacks them."""
    image = base.build() / "image.ext4"
    digest = hashlib.sha256(str(image).encode())
    for name in ("init", "rc", "initramfs"):
        digest.update((HERE / name).read_bytes())
    path = directory() / f"initrd-{digest.hexdigest()[:12]}"
    if not path.exists():
        _run([str(HERE / "initramfs"), str(image), str(path)], paths.cache() / "debug.log")
    return path


def module() -> Path:
    """ainka.ko of the tree as it is, compiled for the debug kernel."""
    with locks.exclusive(paths.ROOT / "build/module/debug.lock"):
        log = paths.cache() / "debug-module.log"
        log.write_text("")
        command = ["make", "--no-print-directory", "module", f"KDIR={headers()}"]
        # A make above us would have the sub-make take its targets and variables.
        environment = {name: "" for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KDIR")}
        _run(command, log, paths.ROOT, environment)
        return paths.ROOT / "build/module" / release() / "ainka.ko"


def _run(
    command: list[str],
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    hint: str = "",
) -> None:
    with log.open("a") as output:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise GuestError(
            f"{' '.join(command)}: status {done.returncode} {hint and f'({hint})'}\n{_end(log)}"
        )


def _end(log: Path) -> str:
    return base.tail(log, 40)
