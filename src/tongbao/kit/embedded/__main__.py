"""`python -m tongbao.kit.embedded start|stop|status FOLDER`: the database by hand. `start` prints its address."""

from __future__ import annotations

import sys
from pathlib import Path

from tongbao.kit import embedded


def main(arguments: list[str]) -> int:
    """Do what the arguments say; the exit status."""
    match arguments:
        case ["start", folder]:
            print(embedded.start(Path(folder), keep=True).url)
        case ["stop", folder]:
            print("stopped" if embedded.stop(Path(folder)) else "not running")
        case ["status", folder]:
            print(embedded.status(Path(folder)) or "not running")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except embedded.EmbeddedError as error:
        sys.exit(str(error))
