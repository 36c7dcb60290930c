"""The widgets: traits that the front end draws, and what it asks of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from photo51.config.interventions import PaintParams, SamplingParams
from photo51.interventions.opening import read_sequence
from photo51.report.atlas.files import plain
from photo51.studio import asked
from photo51.studio.desk import Desk
from photo51.studio.painting import answer_of
from photo51.studio.tabs import Tab
from photo51.types import InputError, Interval
from photo51.widgets.bundle import bundle

if TYPE_CHECKING:
    from photo51.api.workbench import Workbench
    from photo51.api.writing import Achieved

KEY = "reading"


class ReadWidget(anywidget.AnyWidget):
    """A reading to look at.

    Attributes
    ----------
    reading
        Bases, bits, genes, features, as the front end draws them.
    base, feature
        What was clicked last: index of a base, number of a feature; None before.
    """

    _esm = bundle("widget_read.js")
    reading = traitlets.Dict().tag(sync=True)
    names: traitlets.List[str] = traitlets.List().tag(sync=True)
    grades: traitlets.List[str] = traitlets.List().tag(sync=True)
    maximum: traitlets.List[float] = traitlets.List().tag(sync=True)
    base = traitlets.Int(None, allow_none=True).tag(sync=True)
    feature = traitlets.Int(None, allow_none=True).tag(sync=True)

    @classmethod
    def of(cls, sequence: str | Interval, bench: Workbench, genome: str | None = None) -> ReadWidget:
        """Read a sequence with a workbench."""
        from photo51.api.workbench import typed_sequence

        what = sequence if isinstance(sequence, Interval) else typed_sequence(sequence)[1]
        desk, tab = Desk(bench, "", len(what) + 1), Tab("notebook", "")
        reading = bench.read(what, genome) if isinstance(what, Interval) else bench.read(what)
        tab.keep(KEY, reading)
        table = bench.features
        widget = cls(
            reading=plain(desk.reading(reading)),
            names=table["name"].tolist(),
            grades=table["grade"].tolist(),
            maximum=plain(table["maximum"].tolist()),
        )
        widget._desk, widget._tab = desk, tab
        widget.on_msg(widget._asked)
        return widget

    _desk: Desk
    _tab: Tab

    def _asked(self, _widget: object, message: dict[str, Any], _buffers: object) -> None:
        """Features at a few bases, for the pointer."""
        if message.get("ask") != "bases":
            return
        body = asked.BasesAsked(reading=KEY, start=message["start"], end=message["end"])
        (answer,) = self._desk.bases(self._tab, body)
        self.send({"id": message["id"], "answer": plain(answer)})


class CanvasWidget(anywidget.AnyWidget):
    """A canvas to paint on.

    Attributes
    ----------
    length
        Bases of the canvas.
    lanes
        One a concept: `concept`, `label`.
    paints
        `lane`, `start`, `end` (0-based half-open), `strength` (units), `towards` (a lane it blends into, or None).
    result, error
        What was written last, as the front end draws it; why it was not.
    achieved
        The same as `Workbench.paint` returns it; None before.
    """

    _esm = bundle("widget_canvas.js")
    length = traitlets.Int(240).tag(sync=True)
    lanes: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    paints: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)

    achieved: Achieved | None = None
    _bench: Workbench
    _prompt: str
    _params: PaintParams

    @classmethod
    def of(cls, concepts: Sequence[str], prompt: str, bench: Workbench, *, length: int, seed: int) -> CanvasWidget:
        """An empty canvas with its lanes."""
        if not concepts:
            raise InputError("canvas: need at least one concept for a lane, got none")
        for text in concepts:
            bench.instrument.units.of(bench.bundle(text).features)
        read_sequence(prompt)
        widget = cls(length=length, lanes=[{"concept": c, "label": c} for c in concepts], paints=[])
        widget._bench, widget._prompt = bench, prompt
        widget._params = PaintParams(background=-2.0, paint_weight=4.0, margin=10, sampling=SamplingParams(seed=seed))
        widget.on_msg(widget._asked)
        return widget

    def _asked(self, _widget: object, message: dict[str, Any], _buffers: object) -> None:
        """Write when a button asks for it; what cannot be is said on the canvas."""
        if message.get("do") not in {"all", "changes"}:
            return
        try:
            self.write(fresh=message["do"] == "all")
        except InputError as e:
            self.error = str(e)

    def write(self, *, fresh: bool = False) -> Achieved:
        """Write what is painted; where it was written before, only from the first base that changed.

        Raises
        ------
        InputError
            Where nothing is painted, or nothing changed.
        """
        self.error, before = "", None if fresh or self.achieved is None else self.achieved.painting
        names = [str(lane["concept"]) for lane in self.lanes]
        paints = [(int(p["start"]), int(p["end"]), _concept(names, p), float(p["strength"])) for p in self.paints]
        canvas = self._bench.canvas(paints, self.length)
        rewritten = np.zeros((1, self.length), dtype=bool)
        steps = self._bench.painting(canvas, self._prompt, before=before, params=self._params)
        for step in steps:
            start, end = step.interval
            rewritten[step.rows, start:end] = True
            last = step
        self.achieved = self._bench.achieved(last.painting, self._params)
        answer = answer_of(self.achieved, before, rewritten)
        self.result = plain({**answer, "text": self.achieved.texts[0]})
        return self.achieved


def _concept(names: list[str], paint: dict[str, Any]) -> str:
    """Concept of a paint as `Workbench.canvas` takes it: a name, or `a -> b`."""
    try:
        first = names[int(paint["lane"])]
        towards = paint.get("towards")
        return first if towards is None else f"{first} -> {names[int(towards)]}"
    except IndexError as e:
        raise InputError(f"paint: need lanes 0 to {len(names) - 1}, got {paint}") from e
