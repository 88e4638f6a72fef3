"""A sentence for people, in the languages we speak."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """The same sentence in English and in Chinese."""

    en: str
    zh: str

    def speak(self, language: str) -> str:
        """The sentence in `zh`, or else in English."""
        return self.zh if language == "zh" else self.en
