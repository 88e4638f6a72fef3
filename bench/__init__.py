"""How fast it is, beside what it could be at best and what others do. `python -m bench --help`."""
