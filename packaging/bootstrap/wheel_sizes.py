"""Run by the environment's Python on a pylock.toml: prints, as JSON, name -> [version, bytes, already installed].

The bytes are those of the wheel that suits this Python best, or of the source archive where none does.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename


def main(lock: Path) -> None:
    rank = {tag: index for index, tag in enumerate(sys_tags())}
    found: dict[str, tuple[str, int, bool]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["packages"]:
        if "marker" in package and not Marker(package["marker"]).evaluate():
            continue
        suiting = []
        for wheel in package.get("wheels", []):
            name = wheel.get("name") or wheel["url"].rpartition("/")[2].replace("%2B", "+")
            tags = parse_wheel_filename(name)[3]
            best = min((rank[tag] for tag in tags if tag in rank), default=None)
            if best is not None:
                suiting.append((best, int(wheel.get("size", 0))))
        size = min(suiting)[1] if suiting else int(package.get("sdist", {}).get("size", 0))
        found[package["name"]] = (package["version"], size, _there(package["name"], package["version"]))
    print(json.dumps(found))


def _there(name: str, version: str) -> bool:
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
