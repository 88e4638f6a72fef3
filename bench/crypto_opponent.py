"""`wechatpayv3`'s own functions, timed in its own environment: `python crypto_opponent.py FILE SECONDS`."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wechatpayv3.utils import aes_decrypt, load_private_key, load_public_key, rsa_sign, rsa_verify


def microseconds(act: Callable[[], object], seconds: float) -> float:
    """The mean time of one call."""
    calls, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        for _ in range(20):
            act()
        calls += 20
    return passed / calls * 1e6


def main(sample: dict[str, str], seconds: float) -> None:
    """Time the three, and print them as JSON."""
    private_key, public_key = load_private_key(sample["private_key_pem"]), load_public_key(sample["public_key_pem"])
    timestamp, nonce, body, signature = (sample[name] for name in ("timestamp", "nonce", "body", "signature"))
    sealed = [sample[name] for name in ("seal_nonce", "ciphertext", "associated_data", "apiv3_key")]
    assert rsa_verify(timestamp, nonce, body, signature, public_key)
    assert aes_decrypt(*sealed)
    times = {
        "sign": microseconds(lambda: rsa_sign(private_key, sample["message"]), seconds),
        "verify": microseconds(lambda: rsa_verify(timestamp, nonce, body, signature, public_key), seconds),
        "decrypt": microseconds(lambda: aes_decrypt(*sealed), seconds),
    }
    print(json.dumps(times))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2]))
