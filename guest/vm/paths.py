# SPDX-License-Identifier: Apache-2.0
"""Where the guest's things lie."""

from __future__ import annotations

import os
from pathlib import Path

#: The top of the source tree.
ROOT = Path(__file__).resolve().parents[2]
#: Scripts and lists the image is made from.
GUEST = ROOT / "guest"


def cache() -> Path:
    """Everything built for the guest; AINKA_CACHE moves it, so that several trees can share it."""
    top = os.environ.get("AINKA_CACHE") or str(ROOT / "build")
    return Path(top).absolute() / "guest"


def key() -> Path:
    """The private key that opens the guest's root account; nothing else does."""
    return cache() / "id_ed25519"


def console() -> Path:
    """The console log of the guest started last."""
    return cache() / "console.log"
