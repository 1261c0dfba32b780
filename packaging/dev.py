#!/usr/bin/env python3
"""Everything a checkout needs, with nothing but Python 3.11 or newer:

    python3 packaging/dev.py run [arguments of AIEnv]   start AIEnv
    python3 packaging/dev.py test [arguments of pytest] run the whole test suite, or what is named
    python3 packaging/dev.py check                      lint, types and contracts
    python3 packaging/dev.py lint | types | contracts   one of them
    python3 packaging/dev.py bench NAME --json FILE     measure one of tests/benchmarks
    python3 packaging/dev.py engine --python PATH [--torch SPEC]
                                                        run the engine's tests in another Python, with another PyTorch
    python3 packaging/dev.py lock                       pin the newest versions that pyproject.toml allows

Each makes the virtual environment `.venv` first, or completes it; the second time that takes no time.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said in words, also by a Python that is older
    sys.exit(
        "AIEnv needs Python 3.11 or newer; this is Python {}.{}. Start this script with a newer one, for example: "
        "python3.12 packaging/dev.py".format(*sys.version_info[:2])
    )

from bootstrap.failures import Stop
from bootstrap.verbs import VERBS


def main(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else ""
    if verb in ("", "-h", "--help", "help"):
        print(__doc__)
        return 0 if verb else 2
    if verb not in VERBS:
        print(f"There is no verb {verb!r}.\n\n{__doc__}", file=sys.stderr)
        return 2
    try:
        return VERBS[verb](arguments[1:])
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
