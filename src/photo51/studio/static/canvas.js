// A canvas of lanes, concept × position: paint is drawn, dragged, stretched, erased; below it what was achieved.
// No server and no page of its own, so that the studio's panel and the notebook's widget are this one module.
import { COLOURS } from "./theme.js";
import { h, s, number, digits } from "./dom.js";

const TONES = [COLOURS["+"], COLOURS["-"], "#006b4f", "#7a4f00", "#8a3a6b", "#33617f", "#5a4a9c", "#4b5320"];
const RULER = 22, STRIP = 30, TRACK = 34, GAP = 6, LETTERS = 20, CHANGES = 12, SHORTEST = 2, LABEL = 150;
export const tone = lane => TONES[lane % TONES.length];
const nice = least => { const p = 10 ** Math.floor(Math.log10(Math.max(least, 1))); return [1, 2, 5, 10].map(k => k * p).find(v => v >= least); };
const clamp = (v, a, b) => Math.max(a, Math.min(b, v));

// without what lies on [a, b) of a lane; what sticks out of it stays
export const erased = (paints, lane, a, b) => paints.flatMap(p => p.lane !== lane || p.end <= a || p.start >= b ? [p] : [[p.start, Math.min(p.end, a)], [Math.max(p.start, b), p.end]].filter(([x, y]) => x < y).map(([start, end]) => ({ ...p, start, end })));

export class LaneCanvas {
  // `on`: change(paints), select(index)
  constructor(host, on) {
    this.on = on; this.length = 240; this.lanes = []; this.paints = []; this.selected = null; this.tool = "draw"; this.strength = 2; this.shown = null; this.wide = 0;
    this.element = h("div", { class: "lanes", role: "group", "aria-label": "Canvas: one lane a concept, paint on the bases" });
    host.append(this.element);
    new ResizeObserver(() => { if (this.element.clientWidth !== this.wide) this.draw(); }).observe(this.element);
  }
  set(state) { Object.assign(this, state); this.draw(); }
  // what was written: texts, asked and levels by concept, intervals that were rewritten and bases that differ
  show(result) { this.shown = result; this.draw(); }
  get label() { return this.wide < 520 ? 96 : LABEL; }
  x(i) { return this.label + i * this.scale; }
  lane(y) { return clamp(Math.floor((y - RULER) / (STRIP + TRACK + GAP)), 0, this.lanes.length - 1); }
  at(event) { const box = this.svg.getBoundingClientRect(); return { i: clamp((event.clientX - box.left - this.label) / this.scale, 0, this.length), lane: this.lane(event.clientY - box.top) }; }
  changed(paints, selected = this.selected) { this.paints = paints; this.selected = selected; this.draw(); this.on.change?.(paints); this.on.select?.(selected); }
  select(k) { this.selected = k; this.draw(); this.on.select?.(k); }

  draw() {
    const wide = this.wide = this.element.clientWidth;
    if (!wide) return;
    const focus = document.activeElement?.dataset?.paint ?? this.element.getRootNode().activeElement?.dataset?.paint;
    this.scale = Math.max(.05, (wide - this.label - 8) / this.length);
    const tall = RULER + this.lanes.length * (STRIP + TRACK + GAP) + LETTERS + CHANGES + 6, kids = [];
    this.ruler(kids, tall);
    this.lanes.forEach((lane, l) => this.row(kids, lane, l));
    this.letters(kids, tall - LETTERS - CHANGES - 4);
    this.svg = s("svg", { class: "own", xmlns: "http://www.w3.org/2000/svg", width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}`, role: "group", "aria-label": `${this.paints.length} painted intervals on ${this.length} bases`, "font-family": "sans-serif", style: { display: "block", touchAction: "none" } }, kids);
    this.element.replaceChildren(this.svg);
    this.listen();
    if (focus !== undefined) this.svg.querySelector(`[data-paint="${focus}"]`)?.focus();
  }
  text(x, y, words, more = {}) { return s("text", { x, y, "font-size": 11, fill: "#44484d", ...more }, words); }
  ruler(kids, tall) {
    const step = nice(70 / this.scale);
    for (let k = step; k <= this.length; k += step) kids.push(this.text(this.x(k), 13, number(k), { "text-anchor": "middle" }), s("rect", { x: this.x(k) - .5, y: 17, width: 1, height: tall - 17, fill: "#eef0f2" }));
  }
  row(kids, lane, l) {
    const top = RULER + l * (STRIP + TRACK + GAP), right = this.x(this.length), base = top + STRIP + TRACK, name = lane.label.length > 22 ? `${lane.label.slice(0, 21)}…` : lane.label;
    kids.push(s("rect", { x: this.x(0), y: top, width: right - this.x(0), height: STRIP, fill: "#f5f6f8", "data-lane": l, style: { cursor: this.tool === "erase" ? "cell" : "crosshair" } }));
    kids.push(s("g", {}, s("title", {}, lane.label), s("rect", { x: 2, y: top + 6, width: 9, height: 9, rx: 2, fill: tone(l) }), this.text(16, top + 15, name, { "font-weight": 600, fill: "#1b1b1f" }), this.text(16, top + STRIP + 16, "achieved, asked (line)")));
    kids.push(s("rect", { x: this.x(0), y: base, width: right - this.x(0), height: 1, fill: "#b9bdc1" }));
    this.tracks(kids, lane, l, base);
    this.paints.forEach((p, k) => { if (p.lane === l) kids.push(this.box(p, k, top)); });
  }
  tracks(kids, lane, l, base) {
    const level = this.shown?.levels.get(lane.concept), wanted = this.shown?.asked.get(lane.concept);
    if (!level) return;
    const top = Math.max(1, ...level, ...(wanted || [])), y = v => base - clamp(v, 0, top) / top * (TRACK - 4);
    // one column of pixels holds the largest of its bases
    const step = Math.max(1, Math.floor(1 / this.scale)), points = [];
    for (let i = 0; i < level.length; i += step) { let v = 0; for (let j = i; j < Math.min(level.length, i + step); j++) v = Math.max(v, level[j]); points.push(`L${this.x(i).toFixed(1)},${y(v).toFixed(1)}L${this.x(Math.min(level.length, i + step)).toFixed(1)},${y(v).toFixed(1)}`); }
    kids.push(s("path", { d: `M${this.x(0)},${base}${points.join("")}L${this.x(level.length)},${base}Z`, fill: tone(l), "fill-opacity": .55, "data-level": lane.concept }));
    if (wanted) { let d = ""; for (let i = 0; i < wanted.length; i++) if (!i || wanted[i] !== wanted[i - 1]) d += `${d ? `H${this.x(i).toFixed(1)}V` : `M${this.x(0)},`}${y(wanted[i]).toFixed(1)}`; kids.push(s("path", { d: `${d}H${this.x(wanted.length).toFixed(1)}`, fill: "none", stroke: "#1b1b1f", "stroke-width": 1.1, "stroke-dasharray": "4 2" })); }
    kids.push(this.text(this.x(this.length) - 2, base - TRACK + 12, `up to ${digits(top, 2)} units`, { "text-anchor": "end", "font-size": 10 }));
  }
  box(p, k, top) {
    const x = this.x(p.start), w = Math.max(3, (p.end - p.start) * this.scale), own = k === this.selected, to = p.towards === null || p.towards === undefined ? null : this.lanes[p.towards];
    const words = `${this.lanes[p.lane].label}${to ? ` to ${to.label}` : ""}, bases ${number(p.start + 1)} to ${number(p.end)}, ${digits(p.strength)} units`;
    const shown = `${digits(p.strength, 2)}${to ? " \u2192" : ""}`;
    return s("g", { tabindex: 0, role: "button", "data-paint": k, "aria-pressed": String(own), "aria-label": `${words}. Arrow keys move it, with alt its end, up and down its strength, Delete removes it.` }, s("title", {}, words),
      s("rect", { x, y: top + 2, width: w, height: STRIP - 4, rx: 3, fill: p.strength < 0 ? "#5f6368" : tone(p.lane), "fill-opacity": clamp(.45 + Math.abs(p.strength) / 6, .5, 1), stroke: own ? "#1b1b1f" : "none", "stroke-width": 2, style: { cursor: "grab" } }),
      to ? s("path", { d: `M${x + w * .4},${top + STRIP - 3}C${x + w * .7},${top + STRIP - 3} ${x + w * .6},${top + 3} ${x + w},${top + 3}V${top + STRIP - 3}Z`, fill: tone(p.towards), "pointer-events": "none" }) : null,
      w > 7 * shown.length + 16 ? this.text(x + 8, top + STRIP / 2 + 4, shown, { fill: "#fff", "font-weight": 600, "pointer-events": "none" }) : null,
      ["start", "end"].map(side => s("rect", { "data-side": side, x: side === "start" ? x - 3 : x + w - 4, y: top + 2, width: 7, height: STRIP - 4, fill: "#fff", "fill-opacity": own ? .6 : .01, rx: 3, style: { cursor: "ew-resize" } })));
  }
  letters(kids, y) {
    const r = this.shown;
    kids.push(this.text(16, y + 14, "bases"), this.text(16, y + LETTERS + CHANGES - 1, r?.kept ? "rewritten, changed" : ""));
    if (!r?.text) { kids.push(this.text(this.x(0) + 4, y + 14, "nothing is written yet")); return; }
    const wide = Math.max(.6, this.scale + .15);
    if (this.scale >= 6.5) for (let i = 0; i < r.text.length; i++) kids.push(this.text(this.x(i + .5), y + 15, r.text[i], { "text-anchor": "middle", "font-family": "monospace", "font-weight": 600, "font-size": Math.min(14, this.scale + 2), fill: COLOURS[r.text[i]] || "#868b90" }));
    else for (const b of "ACGT") { let d = ""; for (let i = 0; i < r.text.length; i++) if (r.text[i] === b) d += `M${this.x(i).toFixed(1)},${y + 3}h${wide.toFixed(2)}v13h-${wide.toFixed(2)}z`; if (d) kids.push(s("path", { d, fill: COLOURS[b] })); }
    for (const [a, b] of r.kept ? r.rewritten || [] : []) kids.push(s("rect", { x: this.x(a), y: y + LETTERS + 2, width: Math.max(1, (b - a) * this.scale), height: 4, fill: "#b9bdc1" }));
    for (const [a, b] of r.kept ? r.differs || [] : []) kids.push(s("rect", { x: this.x(a), y: y + LETTERS + 7, width: Math.max(1, (b - a) * this.scale), height: 4, fill: "#1b1b1f" }));
  }

  listen() {
    this.svg.addEventListener("pointerdown", e => {
      const group = e.target.closest("[data-paint]"), { i, lane } = this.at(e);
      if (e.button !== 0 || (!group && e.target.dataset.lane === undefined)) return;
      e.preventDefault();
      const before = this.paints, from = Math.round(i);
      let act;
      if (this.tool === "erase") act = ({ i: to }) => { const a = Math.min(Math.floor(i), Math.round(to)), b = Math.max(Math.ceil(i), Math.round(to)); return [erased(before, lane, a, b), null]; };
      else if (group) {
        const k = +group.dataset.paint, p = before[k], side = e.target.dataset.side;
        act = ({ i: to, lane: row }) => {
          const d = Math.round(to - i), n = p.end - p.start;
          const moved = side === "start" ? { start: clamp(p.start + d, 0, p.end - SHORTEST) } : side === "end" ? { end: clamp(p.end + d, p.start + SHORTEST, this.length) } : (start => ({ start, end: start + n, lane: row }))(clamp(p.start + d, 0, this.length - n));
          return [before.map((q, j) => j === k ? { ...q, ...moved, towards: moved.lane === q.towards ? null : q.towards } : q), k];
        };
        this.selected = k;
      } else act = ({ i: to }) => { const a = Math.min(from, Math.round(to)), b = Math.max(from, Math.round(to)); return b - a < SHORTEST ? [before, null] : [[...before, { lane, start: a, end: b, strength: this.strength, towards: null }], before.length]; };
      let moved = false;
      const move = event => { moved = true; [this.paints, this.selected] = act(this.at(event)); this.draw(); };
      const up = event => {
        removeEventListener("pointermove", move); removeEventListener("pointerup", up);
        if (this.tool === "erase" && !moved) [this.paints, this.selected] = act(this.at(event));
        if (JSON.stringify(this.paints) === JSON.stringify(before)) this.select(this.selected); else this.changed(this.paints, this.selected);
      };
      addEventListener("pointermove", move); addEventListener("pointerup", up);
      this.draw();
    });
    this.svg.addEventListener("keydown", e => {
      const group = e.target.closest("[data-paint]");
      if (!group) return;
      const k = +group.dataset.paint, p = this.paints[k], far = e.shiftKey ? 10 : 1, way = { ArrowLeft: -far, ArrowRight: far }[e.key], rise = { ArrowUp: .25, ArrowDown: -.25 }[e.key];
      const put = more => this.changed(this.paints.map((q, j) => j === k ? { ...q, ...more } : q), k);
      if (way && e.altKey) put({ end: clamp(p.end + way, p.start + SHORTEST, this.length) });
      else if (way) { const start = clamp(p.start + way, 0, this.length - (p.end - p.start)); put({ start, end: start + p.end - p.start }); }
      else if (rise) put({ strength: clamp(Math.round(100 * (p.strength + rise)) / 100, -8, 8) });
      else if (e.key === "Delete" || e.key === "Backspace") this.changed(this.paints.filter((_, j) => j !== k), null);
      else if (e.key === "Enter" || e.key === " ") this.select(k);
      else return;
      e.preventDefault();
    });
    this.svg.addEventListener("focusin", e => { const group = e.target.closest("[data-paint]"); if (group && +group.dataset.paint !== this.selected) { this.selected = +group.dataset.paint; this.on.select?.(this.selected); } });
  }
  picture() { return new XMLSerializer().serializeToString(this.svg); }
}
