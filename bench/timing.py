"""One stopwatch for our functions and for other people's. It runs on processor time, as `openssl speed` does."""

import time
from collections.abc import Callable, Mapping

_CALLS_AT_ONCE = 20


def microseconds(acts: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The mean time of one call of each, called for so long."""
    return {name: _mean_seconds(act, seconds) * 1e6 for name, act in acts.items()}


def _mean_seconds(act: Callable[[], object], seconds: float) -> float:
    calls, started = 0, time.process_time()
    while (passed := time.process_time() - started) < seconds:
        for _ in range(_CALLS_AT_ONCE):
            act()
        calls += _CALLS_AT_ONCE
    return passed / calls
