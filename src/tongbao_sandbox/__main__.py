"""`python -m tongbao_sandbox`."""

from __future__ import annotations

from tongbao_sandbox.cli import main

if __name__ == "__main__":
    main()
