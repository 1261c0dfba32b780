"""``python -I engine/__main__.py train|inspect|predict <folder>``: the engine, started from wherever its copy lies.

Makes the folder it lies in the package ``engine`` without touching the path on which modules are looked for: what the
chosen environment offers, and nothing else, can be imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import time
from pathlib import Path

_BORN = time.time()
_PACKAGE = "engine"


def _become_package() -> None:
    here = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    spec.loader.exec_module(module)


def main(arguments: list[str]) -> int:
    verbs = ("train", "inspect", "predict", "follow")  # follow: started by an engine that trains
    if len(arguments) != 2 or arguments[0] not in verbs:
        print(f"usage: __main__.py {'|'.join(verbs)} <folder>", file=sys.stderr)
        return 2
    verb, folder = arguments[0], Path(arguments[1]).resolve()
    if not folder.is_dir():
        print(f"{folder} is not a folder", file=sys.stderr)
        return 2
    # PyTorch's threads wait for each other by spinning, which takes the processor from the one that is waited for where
    # anything else runs beside: steps take ten times as long then. So little of it costs little on a quiet machine,
    # none at all would cost half as much again. Read when PyTorch is loaded, by the threads' library of GCC.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    _become_package()
    if verb in ("train", "follow"):
        attempt = importlib.import_module(f"{_PACKAGE}.attempt")
        code = int(attempt.run(folder, _BORN) if verb == "train" else attempt.follow(folder))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # everything is on the disk; taking PyTorch apart would keep who pressed Stop waiting
    return int(importlib.import_module(f"{_PACKAGE}.errand").run(verb, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
