"""`wechatpayv3`'s own functions, timed in its own environment: a sample in JSON comes in, their times go out."""

import json
import sys

from wechatpayv3.utils import aes_decrypt, load_private_key, load_public_key, rsa_sign, rsa_verify

from bench.timing import microseconds


def main(sample: dict[str, str], seconds: float) -> None:
    """Time the three, and print them."""
    private_key, public_key = load_private_key(sample["private_key_pem"]), load_public_key(sample["public_key_pem"])
    signed = [sample[name] for name in ("timestamp", "nonce", "body", "signature")]
    sealed = [sample[name] for name in ("sealing_nonce", "ciphertext", "associated_data", "apiv3_key")]
    acts = {
        "sign": lambda: rsa_sign(private_key, sample["message"]),
        "verify": lambda: rsa_verify(*signed, public_key),
        "decrypt": lambda: aes_decrypt(*sealed),
    }
    if not all(act() for act in acts.values()):
        sys.exit("wechatpayv3 does not accept the sample")
    print(json.dumps(microseconds(acts, seconds)))


if __name__ == "__main__":
    main(json.load(sys.stdin), float(sys.argv[1]))
