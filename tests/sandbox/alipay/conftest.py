from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.alipay.client import App, letter, paid
from tests.sandbox.client import Control, Receiver, receiving


@pytest.fixture
def app(control: Control) -> App:
    return App.of(control.get("/credentials")["alipay"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that says yes as Alipay wants it said."""
    with receiving() as receiver:
        receiver.reply, receiver.says = lambda letter: 200, b"success"
        yield receiver


@pytest.fixture
def app_notification(control: Control, app: App, receiver: Receiver) -> dict[str, str]:
    """What a merchant is told of a paid trade."""
    paid(control, app, notify_url=receiver.url)
    return letter(receiver.wait_for(1)[0])
