"""A cache asks once for many, forgets on demand, and a flood cannot empty it."""

from __future__ import annotations

import asyncio

import pytest

from tongbao.kit.cache import Cache


class Source:
    """Where things are looked up: counts, and can be held up."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {"a": "apple"}
        self.asked: list[str] = []
        self.questions: asyncio.Queue[str] = asyncio.Queue()
        self.known: list[str | None] = []
        self.open = asyncio.Event()
        self.open.set()

    async def look_up(self, key: str, known: str | None) -> str | None:
        self.asked.append(key)
        self.questions.put_nowait(key)
        self.known.append(known)
        value = self.values.get(key)
        await self.open.wait()
        return value


@pytest.fixture
def source() -> Source:
    return Source()


async def get(cache: Cache[str, str], source: Source, key: str) -> str | None:
    return await cache.get(key, lambda known: source.look_up(key, known))


async def test_what_was_found_and_what_was_not_are_kept(source: Source) -> None:
    cache: Cache[str, str] = Cache()
    for _ in range(3):
        assert await get(cache, source, "a") == "apple"
        assert await get(cache, source, "b") is None
    assert source.asked == ["a", "b"]


async def test_after_its_time_it_is_looked_up_again_by_who_knows_what_it_was(source: Source) -> None:
    cache: Cache[str, str] = Cache(ttl_seconds=0)
    await get(cache, source, "a")
    source.values["a"] = "apricot"
    assert await get(cache, source, "a") == "apricot"
    assert source.known == [None, "apple"]


async def test_what_is_gone_is_not_known_any_more(source: Source) -> None:
    cache: Cache[str, str] = Cache(ttl_seconds=0)
    await get(cache, source, "a")
    del source.values["a"]
    assert await get(cache, source, "a") is None
    await get(cache, source, "a")
    assert source.known == [None, "apple", None]


async def test_many_who_ask_at_once_are_one_question(source: Source) -> None:
    cache: Cache[str, str] = Cache()
    source.open.clear()
    asking = [asyncio.create_task(get(cache, source, "a")) for _ in range(10)]
    await source.questions.get()
    source.open.set()
    assert await asyncio.gather(*asking) == ["apple"] * 10
    assert source.asked == ["a"]


async def test_one_who_gives_up_does_not_spoil_it_for_the_others(source: Source) -> None:
    cache: Cache[str, str] = Cache()
    source.open.clear()
    first, second = (asyncio.create_task(get(cache, source, "a")) for _ in range(2))
    await source.questions.get()
    first.cancel()
    await asyncio.wait([first])
    source.open.set()
    assert await second == "apple"
    assert first.cancelled()


async def test_who_asks_after_all_was_forgotten_does_not_get_the_answer_that_was_under_way(source: Source) -> None:
    cache: Cache[str, str] = Cache()
    source.open.clear()
    before = asyncio.create_task(get(cache, source, "a"))
    await source.questions.get()
    source.values["a"] = "apricot"
    cache.forget()
    after = asyncio.create_task(get(cache, source, "a"))
    await source.questions.get()
    source.open.set()
    assert await after == "apricot"
    assert await before == "apple"


async def test_what_was_under_way_when_all_was_forgotten_is_asked_again(source: Source) -> None:
    cache: Cache[str, str] = Cache()
    source.open.clear()
    before = asyncio.create_task(get(cache, source, "a"))
    await source.questions.get()
    source.values["a"] = "apricot"
    cache.forget()
    source.open.set()
    assert await before == "apple"
    assert await get(cache, source, "a") == "apricot"


async def test_a_failure_is_raised_and_not_kept(source: Source) -> None:
    cache: Cache[str, str] = Cache()

    async def fail(known: str | None) -> str | None:
        raise OSError("the database is away")

    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            await cache.get("a", fail)
    assert await get(cache, source, "a") == "apple"


async def test_a_flood_of_unknown_keys_pushes_out_nothing_that_is_in_use(source: Source) -> None:
    cache: Cache[str, str] = Cache(size=10)
    await get(cache, source, "a")
    for number in range(100):
        await get(cache, source, f"unknown {number}")
    await get(cache, source, "a")
    assert source.asked.count("a") == 1
    await get(cache, source, "unknown 0")
    assert source.asked.count("unknown 0") == 2


async def test_when_it_is_full_the_one_refreshed_longest_ago_makes_room(source: Source) -> None:
    cache: Cache[str, str] = Cache(size=2)
    source.values.update(b="banana", c="cherry")
    for key in "abcbca":
        await get(cache, source, key)
    assert source.asked == ["a", "b", "c", "a"]
