"""What can go wrong, sorted by what to do next.

TongbaoError
├── Refusal              the caller asked for something we will not do; it carries a stable code and an HTTP status
└── ChannelError         a gateway or platform did not give us a plain yes; `code` is its own word
    ├── Rejected         a certain no: nothing happened there, and asking again the same way is useless
    ├── Unavailable      it never heard us, or refused before looking: safe to send again
    ├── Uncertain        it may have acted: ask before acting again
    └── Untrusted        the answer or notice is not proven to be theirs: believe nothing in it
"""

from __future__ import annotations


class TongbaoError(Exception):
    """The root of everything we raise on purpose."""


class Refusal(TongbaoError):
    """A request we refuse, with a stable code, an HTTP status and the values its message needs.

    The messages, in Chinese and English, live beside the doors (`web/messages.py`); `code` finds them there.
    """

    def __init__(self, code: str, status: int = 400, /, **values: object) -> None:
        super().__init__(f"{code} {values}" if values else code)
        self.code = code
        self.status = status
        self.values = values


class ChannelError(TongbaoError):
    """A call to a gateway or platform that did not end in a plain yes.

    `code` is the gateway's own error code (or one of ours, in lower case, where it had none to give),
    `http_status` what it answered with, if it answered at all.
    """

    def __init__(self, code: str, message: str = "", http_status: int | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.http_status = http_status


class Rejected(ChannelError):
    """A certain no. Nothing happened at the gateway; the same request will be refused again."""


class Unavailable(ChannelError):
    """The gateway never heard us, or turned us away at the door. Sending again is safe."""


class Uncertain(ChannelError):
    """The gateway may have acted. Ask (query) before acting again."""


class Untrusted(ChannelError):
    """Not proven to be the gateway: bad signature, unknown key, wrong age, undecipherable."""
