# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: three loads for which there is nothing to gain."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from .lossy_path import Load as Path
from .programs import Plain, shell


class Load(Plain):
    """Phases "read" (a file, in order), "net" (a path without loss), "cpu" (plain work)."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._path = Path(options)
        self._mib = int(options["file_mib"])
        shell("mkfs.ext4 -q -F /dev/vdb && mkdir -p /mnt && mount -o noatime /dev/vdb /mnt")
        shell(f"dd if=/dev/zero of=/mnt/file bs=1M count={self._mib} conv=fsync 2>/tmp/dd.log")

    def facts(self) -> dict[str, Any]:
        """Programs and path."""
        return {**self._path.facts(), "fio": shell("fio --version").strip(),
                "stress-ng": shell("stress-ng --version").strip()}  # fmt: skip

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """What one of them gets done in a second."""
        if phase == "net":
            return self._path.window("clean", settle_s, seconds, fresh=fresh, reset=reset)
        time.sleep(settle_s)
        if phase == "read":
            shell("echo 1 > /proc/sys/vm/drop_caches")
            text = shell(
                "fio --name=read --filename=/mnt/file --readonly --rw=read --bs=128k "
                f"--invalidate=1 --time_based --runtime={seconds:g} --output-format=json",
                seconds + 60,
            )
            job = json.loads(text[text.index("{") :])["jobs"][0]["read"]
            return {"read_mb_per_s": job["bw_bytes"] / 1e6}
        text = shell(
            f"stress-ng --cpu 2 --cpu-method int64 --timeout {seconds:g} --metrics 2>&1",
            seconds + 60,
        )
        row = re.search(r"metrc?:.*\bcpu\s+(\d+)\s+([\d.]+)", text)
        if not row:
            raise RuntimeError(f"stress-ng said nothing of its work: {text[-300:]}")
        return {"bogo_ops_per_s": int(row[1]) / float(row[2])}

    def close(self) -> None:
        """End what is left."""
        self._path.close()
