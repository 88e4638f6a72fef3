"""Hypothesis's rule-based machine: everything that can happen to an order, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reliability.example import Example
from reliability.world import World


class Machine(RuleBasedStateMachine):
    """Its one rule draws which verb comes next: with a rule for each, Hypothesis leaves half of them out of every
    example, and hardly an order is paid, refunded and redirected in any."""

    world: ClassVar[World]
    example: Example
    is_broken = False

    @initialize(chance=st.integers(0, 4))
    def begin(self, chance: int) -> None:
        """In one example of five the server is killed once, while there are kills left: each takes seconds."""
        self.example = Example(self.world, may_kill=chance == 3 and self.world.kills < self.world.most_kills)

    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        """Something that can happen now."""
        verb = data.draw(st.sampled_from(self.example.possible()))
        self.world.verbs[verb] += 1
        with self._told_as_it_was():
            getattr(self.example, verb)(data.draw)
            self.example.compare_touched()

    def teardown(self) -> None:
        """All comes to its end, and every sum is compared."""
        if hasattr(self, "example") and not self.is_broken:
            with self._told_as_it_was():
                self.example.end()

    @contextmanager
    def _told_as_it_was(self) -> Iterator[None]:
        """What breaks is put into words at once, before the model moves on; and nothing more is asked of it."""
        try:
            yield
        except AssertionError as error:
            self.is_broken = True
            raise AssertionError(repr(error)) from None
