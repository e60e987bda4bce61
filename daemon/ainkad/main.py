# SPDX-License-Identifier: Apache-2.0
"""ainkad: entry point, options, exit codes."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ainkad.config import CONFIG_PATH, LOG_LEVELS, Config, read_config
from ainkad.errors import AinkaError


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; argparse exits with 2 for one it does not understand."""
    parser = argparse.ArgumentParser(
        prog="ainkad", description="Feeds the ainka module, learns, and pushes what pays."
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration (default: {CONFIG_PATH})"
    )
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="check the configuration, the tuners and the policies it names, and exit",
    )
    parser.add_argument(
        "--foreground", action="store_true", help="stay in the foreground (it always does)"
    )
    parser.add_argument("--log-level", choices=LOG_LEVELS, help="overrides the configuration")
    return parser.parse_args(arguments)


def load_config(path: Path | None) -> Config:
    """The configuration; without a file at the default place, the defaults."""
    if path is None and not CONFIG_PATH.exists():
        return Config()
    return read_config(path or CONFIG_PATH)


def check(config: Config) -> None:
    """Read everything the configuration names; raises AinkaError for the first fault."""
    from ainkad.policy_file import read_policies
    from ainkad.service import policy_files, read_tuners

    read_tuners(config)
    for path in policy_files(config.policies_dir):
        read_policies(path)


def run(chosen: argparse.Namespace) -> None:
    """Check, or work until told to stop."""
    config = load_config(chosen.config)
    if chosen.check_config:
        check(config)
        print(f"{chosen.config or CONFIG_PATH}: ok")
        return
    level = (chosen.log_level or config.log_level).upper()
    # systemd's journal adds time and name; under a terminal nobody misses them.
    logging.basicConfig(
        stream=sys.stderr, level=level, format="level=%(levelname)s source=%(name)s %(message)s"
    )
    import asyncio

    from ainkad.service import Service, read_tuners

    async def serve() -> None:
        tuners = read_tuners(config) if config.learning else []
        await Service(config, tuners).run()

    asyncio.run(serve())


def main(arguments: list[str] | None = None) -> None:
    """Entry point: 0 after a clean leave, 1 with a message and a hint, 2 for wrong usage."""
    chosen = options(arguments)
    try:
        run(chosen)
    except AinkaError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint if error.hint.startswith(" ") else f"hint: {error.hint}",
                  file=sys.stderr)  # fmt: skip
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
