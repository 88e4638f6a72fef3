"""The record of faults survived. What is done is in `rows`, what came of it in docs/reliability.md."""
