"""`python -m tongbao`."""

from tongbao.cli import main

main()
