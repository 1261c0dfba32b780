"""Makes conda environments from a channel on this disk: the channel, a cache, and the prefixes are the arguments."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from rattler import Channel, Gateway, MatchSpec, VirtualPackage, VirtualPackageOverrides, install, solve


async def make(channel: str, cache: Path, prefixes: list[Path]) -> None:
    specs = [MatchSpec("python"), MatchSpec("colours"), MatchSpec("glow")]
    records = await solve(
        [Channel(Path(channel).as_uri())],
        specs,
        gateway=Gateway(cache_dir=cache / "repodata"),
        virtual_packages=VirtualPackage.detect(VirtualPackageOverrides()),
    )
    for prefix in prefixes:
        await install(records, prefix, cache_dir=cache / "packages", show_progress=False)


if __name__ == "__main__":
    asyncio.run(make(sys.argv[1], Path(sys.argv[2]), [Path(argument) for argument in sys.argv[3:]]))
    print("{}", flush=True)
    os._exit(0)  # py-rattler's threads may crash an ordinary exit
