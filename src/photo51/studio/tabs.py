"""What each tab of the page has in hand: readings, what it wrote, its journal. Tabs know nothing of each other."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from photo51.studio.journal import Journal
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.api.workbench import Read
    from photo51.interventions.writing.painting import Painting

MOST_TABS, MOST_BASES_HELD, MOST_PAINTINGS = 32, 1_000_000, 200
Kept = TypeVar("Kept")
_TAB = re.compile(r"[a-z0-9]{8,40}")


class Held(NamedTuple):
    """A painting of a tab: itself, the variable of its line in the journal, the answer that the page had."""

    painting: Painting
    name: str
    answer: dict[str, Any]


class Tab:
    """One tab."""

    def __init__(self, name: str, opening: str):
        self.name, self.journal = name, Journal(opening)
        self.readings: OrderedDict[str, Read] = OrderedDict()
        self.paintings: OrderedDict[str, Held] = OrderedDict()

    def keep(self, key: str, reading: Read) -> None:
        """Hold a reading; the oldest go where all together grow too large."""
        self.readings[key] = reading
        self.readings.move_to_end(key)
        while len(self.readings) > 1 and sum(len(r) for r in self.readings.values()) > MOST_BASES_HELD:
            self.readings.popitem(last=False)

    def reading(self, key: str) -> Read:
        """A reading by its key.

        Raises
        ------
        InputError
            For one that this tab does not hold, or no longer.
        """
        return _newest(self.readings, key, "reading", "read the sequence")

    def hold(self, key: str, painting: Held) -> None:
        """Hold a painting; the oldest go where there are too many."""
        self.paintings[key] = painting
        self.paintings.move_to_end(key)
        while len(self.paintings) > MOST_PAINTINGS:
            self.paintings.popitem(last=False)

    def painting(self, key: str) -> Held:
        """A painting by its key.

        Raises
        ------
        InputError
            For one that this tab does not hold, or no longer.
        """
        return _newest(self.paintings, key, "painting", "paint it")


def _newest(held: OrderedDict[str, Kept], key: str, what: str, do: str) -> Kept:
    """What is held by a key, which makes it the newest."""
    if key not in held:
        raise InputError(f"{what}: need one of this page ({len(held)} held), got {key!r}; {do} again")
    held.move_to_end(key)
    return held[key]


class Tabs:
    """All tabs, by the name that each made up for itself."""

    def __init__(self) -> None:
        self._tabs: OrderedDict[str, Tab] = OrderedDict()

    def of(self, name: str, opening: str) -> Tab:
        """A tab, new where it was not known; the one longest unused goes where there are too many.

        Raises
        ------
        InputError
            For a name that no page makes up.
        """
        if not _TAB.fullmatch(name):
            raise InputError(f"x-photo51-tab: need 8 to 40 letters a-z and digits, got {name[:50]!r}")
        if name not in self._tabs:
            self._tabs[name] = Tab(name, opening)
        self._tabs.move_to_end(name)
        while len(self._tabs) > MOST_TABS:
            self._tabs.popitem(last=False)
        return self._tabs[name]
