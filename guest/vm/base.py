# SPDX-License-Identifier: Apache-2.0
"""The base image: Debian 12 with two kernels and everything AINKA needs, but without AINKA.

Made once per package list (minutes), it is the lower half of every later image (seconds).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from guest.vm import locks, mirrors, paths
from guest.vm.errors import GuestError
from guest.vm.progress import Progress

#: Room in the guest's file system; the file is sparse, so only what is used costs anything.
SIZE = "8G"

#: Packed with the packages, but of no use in a virtual machine without documentation readers.
TRIMMED = [
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
    "/usr/include/boost/*",
    *(
        f"/lib/modules/*/kernel/{name}/*"
        for name in (
            "sound",
            "drivers/bluetooth",
            "drivers/gpu",
            "drivers/hid",
            "drivers/iio",
            "drivers/infiniband",
            "drivers/input",
            "drivers/media",
            "drivers/mmc",
            "drivers/mtd",
            "drivers/net/ethernet",
            "drivers/net/usb",
            "drivers/net/wireless",
            "drivers/platform",
            "drivers/staging",
            "drivers/usb",
            "drivers/video",
        )
    ),
]


#: What configure compiles in the guest.
SOURCES = ("removed_int3/Kbuild", "removed_int3/removed_int3.c")


def packages() -> list[str]:
    """The names in guest/packages."""
    lines = (paths.GUEST / "packages").read_text().splitlines()
    return [name for line in lines if (name := line.split("#")[0].strip())]


def ensure_key() -> Path:
    """The key pair of the guest's root account, made on first use."""
    key = paths.key()
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        with locks.exclusive(paths.cache() / "key.lock"):
            if not key.exists():
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ainka-guest"]
                subprocess.run([*command, "-f", str(key)], check=True)
    return key


def directory() -> Path:
    """Where the base image for the present package list and scripts is, or will be."""
    digest = hashlib.sha256()
    digest.update(ensure_key().with_suffix(".pub").read_bytes())
    digest.update("\n".join([SIZE, *packages(), *TRIMMED]).encode())
    for name in ("configure", "initramfs", *SOURCES):
        digest.update((paths.GUEST / "rootfs" / name).read_bytes())
    return paths.cache() / f"base-{digest.hexdigest()[:12]}"


def exists() -> bool:
    """Whether the base image needs no building."""
    return (directory() / "complete").exists()


def build() -> Path:
    """Make the base image unless it is there; needs root. Returns its directory."""
    final = directory()
    if exists():
        return final
    if os.geteuid() != 0:
        raise GuestError("building the guest's base image needs root: run guest/image")
    with locks.exclusive(paths.cache() / "base.lock"):
        if not exists():
            _build(final)
    return final


def _build(final: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix="base.", dir=paths.cache()))
    root = work / "rootfs"
    log = paths.cache() / "base.log"
    try:
        with Progress("base image (Debian 12, about 2 minutes)", 9) as progress:
            _bootstrap(work, root, log, progress)
            progress.stage("configuring")
            public_key = paths.key().with_suffix(".pub")
            _call([str(paths.GUEST / "rootfs/configure"), str(root), str(public_key)], log)
            progress.stage("kernels, initramfs and headers")
            _boot_files(root, work, final, log)
            progress.stage(f"ext4 file system, {SIZE}")
            _call(
                ["mke2fs", "-q", "-t", "ext4", "-L", "ainka", "-m", "0", "-d", str(root)]
                # No table is left for the guest's kernel to initialize while tests measure I/O.
                + ["-E", "lazy_itable_init=0,lazy_journal_init=0,assume_storage_prezeroed=1"]
                + [str(work / "image.ext4"), SIZE],
                log,
            )
            shutil.rmtree(root)
            (work / "complete").touch()
            work.chmod(0o755)
            work.rename(final)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _forget_others(final)


def _bootstrap(work: Path, root: Path, log: Path, progress: Progress) -> None:
    sources = work / "sources.list"
    sources.write_text(mirrors.sources_list())
    apt_conf = work / "apt.conf"
    apt_conf.write_text(mirrors.apt_options())
    command = [
        "mmdebstrap",
        "--verbose",
        "--variant=minbase",
        "--mode=root",
        "--format=directory",
        f"--aptopt={apt_conf}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in TRIMMED),
        f"--include={','.join(packages())}",
        mirrors.SUITE,
        str(root),
        str(sources),
    ]
    # INITRD=No: Debian's kernel hooks make no initramfs; we make a smaller one.
    environment = {**os.environ, "INITRD": "No", "LC_ALL": "C.UTF-8"}
    environment.pop("TMPDIR", None)
    wanted = {
        "I: running apt-get update": "fetching package lists",
        "I: downloading packages": "downloading packages",
        "I: extracting archives": "unpacking essential packages",
        "I: installing essential": "installing essential packages",
        "I: installing remaining": "installing packages",
        "I: cleaning package lists": "cleaning up",
    }
    done = 0
    told = time.monotonic()
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            output.write(line)
            for prefix, stage in wanted.items():
                if line.startswith(prefix):
                    progress.stage(stage)
            done += line.startswith("Setting up ")
            if time.monotonic() - told > 15:
                told = time.monotonic()
                progress.note(f"{done} packages set up")
    if process.returncode:
        raise GuestError(f"mmdebstrap failed:\n{tail(log)}")


def _boot_files(root: Path, work: Path, final: Path, log: Path) -> None:
    """Copy out what is used from outside: kernels to boot, headers to compile against."""
    boot = work / "boot"
    boot.mkdir()
    for kernel in sorted((root / "boot").glob("vmlinuz-*")):
        release = kernel.name.removeprefix("vmlinuz-")
        shutil.copy(kernel, boot / kernel.name)
        initramfs = boot / f"initrd-{release}"
        _call([str(paths.GUEST / "rootfs/initramfs"), str(root), release, str(initramfs)], log)
    headers = work / "headers"
    (headers / "lib").mkdir(parents=True)
    shutil.copytree(root / "usr/src", headers / "src", symlinks=True)
    for kbuild in (root / "usr/lib").glob("linux-kbuild-*"):
        shutil.copytree(kbuild, headers / "lib" / kbuild.name, symlinks=True)
    # Debian's headers name each other by absolute path; here they live somewhere else.
    for makefile in headers.glob("src/linux-headers-*/Makefile"):
        makefile.write_text(makefile.read_text().replace("/usr/src/", f"{final}/headers/src/"))


def _call(command: list[str], log: Path) -> None:
    with log.open("a") as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if done.returncode:
        raise GuestError(f"{command[0]} failed with status {done.returncode}:\n{tail(log)}")


def tail(log: Path, lines: int = 30) -> str:
    """The end of a log, which is where the reason is."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _forget_others(final: Path) -> None:
    """Drop base images of earlier package lists; each is more than a gigabyte."""
    for old in paths.cache().glob("base-*"):
        image = old / "image.ext4"
        if old != final and old.is_dir() and not (image.exists() and locks.in_use(image)):
            shutil.rmtree(old, ignore_errors=True)
