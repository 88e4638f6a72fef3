"""`python -m tongbao_demo`."""

from __future__ import annotations

from tongbao_demo.run import main

if __name__ == "__main__":
    main()
