// A sequence from 100 kb to letters: bits, genes, open reading frames and features on one axis, drawn on a canvas.
import { COLOURS } from "./theme.js";
import { h, number, digits, percent, minus, grade } from "./dom.js";
import { SvgContext } from "./svg.js";

const INK = COLOURS.ink, MUTED = COLOURS.muted, FAINT = "#e4e7ea", MOST = 24, LETTERS = 7, LEAST_BASES = 12;
const ROW = { ruler: 22, letters: 20, bits: 66, why: 52, genes: 20, orfs: 18, track: 38 };
const FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif", MONO = "ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace";

// largest (and for bits mean) value of 1, 2, 4, … bases, so that a frame costs as much as it has pixels
const pyramid = (values, how) => {
  const levels = [values];
  while (levels.at(-1).length > 512) {
    const below = levels.at(-1), n = Math.ceil(below.length / 2), up = new Float32Array(n);
    for (let i = 0; i < n; i++) up[i] = how(below[2 * i], 2 * i + 1 < below.length ? below[2 * i + 1] : below[2 * i]);
    levels.push(up);
  }
  return levels;
};
const larger = (a, b) => a > b ? a : b;
const mean = (a, b) => Number.isNaN(a) ? b : Number.isNaN(b) ? a : (a + b) / 2;
export const dense = (column, n) => { const out = new Float32Array(n); column.at.forEach((p, i) => { out[p] = column.value[i]; }); return out; };

export class SequenceView {
  // `on`: base(index, strand), feature(number), hover(start) → promise of features at bases, moved()
  constructor(host, on) {
    this.on = on; this.tracks = []; this.caret = null; this.strand = "+"; this.mark = null; this.why = null; this.hovered = new Map();
    this.canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": "Sequence with bits per base, genes and features. Arrow keys move the caret, shift with them moves the view, plus and minus zoom, Enter asks why." });
    this.over = h("canvas", { class: "overview", "aria-hidden": "true" });
    this.gutter = h("div", { class: "gutter" });
    this.where = h("span", { class: "where" });
    this.readout = h("div", { class: "readout", "aria-live": "off" });
    const zoom = factor => () => this.zoom(factor, this.middle());
    this.ways = ["+", "-"].map(w => h("button", { type: "button", "aria-pressed": String(w === "+"), title: `why and preferred base read ${w === "+" ? "forward" : "in reverse"}`, onclick: () => this.turn(w) }, w === "+" ? "forward \u2192" : "\u2190 reverse"));
    this.bar = h("div", { class: "viewbar" }, this.where, h("span", { class: "grow" }),
      h("span", { role: "group", "aria-label": "direction of reading" }, this.ways), h("span", { role: "group", "aria-label": "zoom" },
        h("button", { type: "button", "aria-label": "zoom out", onclick: zoom(.5) }, "\u2212"), " ", h("button", { type: "button", "aria-label": "zoom in", onclick: zoom(2) }, "+"), " ", h("button", { type: "button", onclick: () => this.whole() }, "all"), " ", h("button", { type: "button", onclick: () => this.toLetters() }, "letters")));
    this.element = h("div", { id: "view" }, this.bar, h("div", { class: "stage" }, this.gutter, h("div", {}, this.over, this.canvas)), this.readout);
    host.append(this.element);
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
  }

  show(reading) {
    this.r = reading; this.n = reading.bases.length; this.caret = null; this.why = null; this.mark = null; this.hovered.clear();
    this.offset = reading.place && reading.place.strand === "+" ? reading.place.start : 0;
    this.bits = { "+": pyramid(reading.bits["+"], mean), "-": pyramid(reading.bits["-"], mean) };
    this.highest = Math.min(6, Math.max(3, ...[this.bits["+"], this.bits["-"]].map(l => l.at(-1).reduce((a, b) => b > a ? b : a, 0) * 1.25)));
    this.lanes = lanes(reading.genes);
    this.tracks = []; this.x = 0; this.scale = 0; this.layout(); this.whole();
  }
  add(track) { if (!this.tracks.some(t => t.feature === track.feature)) { this.tracks = [...this.tracks, prepared(track, this.n)].slice(-MOST); this.layout(); this.draw(); } }
  drop(feature) { this.tracks = this.tracks.filter(t => t.feature !== feature); this.layout(); this.draw(); }
  explain(why) { this.why = why; this.layout(); this.draw(); }
  turn(strand) { this.strand = strand; this.ways.forEach((b, i) => b.setAttribute("aria-pressed", String("+-"[i] === strand))); this.draw(); if (this.caret !== null) this.on.base(this.caret, strand); }

  // ---- where things lie
  layout() {
    if (!this.r) return;
    const rows = [["ruler", ROW.ruler, null], ["letters", ROW.letters, h("span", {}, "bases")], ["bits", ROW.bits, h("span", {}, "bits per base", h("br"), "+ up, \u2212 down")]];
    if (this.why) rows.push(["why", ROW.why, h("span", {}, "contribution to the base", h("br"), "(nats)")]);
    this.lanes.forEach((_, i) => rows.push(["genes" + i, ROW.genes, i ? null : h("span", {}, "genes")]));
    rows.push(["orfs", ROW.orfs, h("span", {}, `ORFs \u2265 90 (${this.r.orfs.length})`)]);
    for (const t of this.tracks) rows.push(["t" + t.feature, ROW.track, [h("button", { type: "button", title: `f${t.feature} ${t.name || "unnamed"}: open its page`, onclick: () => this.on.feature(t.feature) }, h("b", {}, `f${t.feature}`), ` ${t.name}`), grade(t.grade)]]);
    this.rows = new Map(); let y = 0; this.gutter.replaceChildren();
    const above = this.over.clientHeight + 1;
    for (const [name, tall, label] of rows) {
      this.rows.set(name, [y, tall]);
      if (label) this.gutter.append(h("div", { style: { top: `${y + above}px`, height: `${tall}px` } }, label));
      y += tall;
    }
    this.tall = y + 6;
    this.gutter.style.height = `${this.tall + above}px`;
    this.resize();
  }
  resize() {
    const ratio = devicePixelRatio || 1, wide = this.canvas.parentElement.clientWidth;
    if (!wide || !this.r) return;
    if (this.wide && this.scale <= this.least() * 1.001) this.scale = 0; // all of it stays all of it
    this.wide = wide;
    for (const [canvas, tall] of [[this.canvas, this.tall], [this.over, 26]]) { canvas.width = Math.round(wide * ratio); canvas.height = Math.round(tall * ratio); canvas.style.height = `${tall}px`; }
    this.clamp(); this.draw();
  }
  least() { return this.wide / this.n; }
  clamp() {
    const least = this.least(), most = Math.max(least, Math.min(26, this.wide / Math.min(this.n, LEAST_BASES)));
    this.scale = Math.min(most, Math.max(least, this.scale || least));
    this.x = Math.max(0, Math.min(this.n - this.wide / this.scale, this.x));
  }
  whole() { this.x = 0; this.scale = 0; this.clamp(); this.draw(); }
  toLetters() { const at = this.caret ?? this.x + this.wide / this.scale / 2; this.scale = 14; this.x = at - this.wide / 28; this.clamp(); this.draw(); }
  middle() { return this.caret !== null && this.caret >= this.x && this.caret <= this.x + this.wide / this.scale ? (this.caret + .5 - this.x) * this.scale : this.wide / 2; }
  zoom(factor, px) { const at = this.x + px / this.scale; this.scale *= factor; const s0 = this.scale; this.clamp(); this.x = at - px / this.scale; if (s0) this.clamp(); this.draw(); }
  pan(px) { this.x += px / this.scale; this.clamp(); this.draw(); }
  centre(index) { this.caret = index; const span = this.wide / this.scale; if (index < this.x + 2 || index > this.x + span - 3) { this.x = index - span / 2; this.clamp(); } this.draw(); this.read(index); }
  coordinate(i) { const p = this.r.place; return p && p.strand === "-" ? p.end - i : this.offset + i + 1; }

  // ---- drawing
  draw() { if (this.waiting || !this.r) return; this.waiting = true; requestAnimationFrame(() => { this.waiting = false; this.frame(); this.on.moved?.(); }); }
  frame() {
    const ratio = devicePixelRatio || 1, c = this.canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0); c.clearRect(0, 0, this.wide, this.tall);
    this.paint(c);
    this.overview();
    const first = Math.floor(this.x), last = Math.min(this.n, Math.ceil(this.x + this.wide / this.scale)), a = this.coordinate(first), b = this.coordinate(last - 1);
    this.where.textContent = `${this.r.place ? this.r.place.chrom + ":" : ""}${number(Math.min(a, b))}\u2013${number(Math.max(a, b))} \u00b7 ${number(last - first)} bases`;
  }
  paint(c) {
    const from = Math.max(0, Math.floor(this.x)), to = Math.min(this.n, Math.ceil(this.x + this.wide / this.scale) + 1);
    c.font = `11px ${FONT}`; c.textBaseline = "middle";
    this.ruler(c, from, to); this.bases(c, from, to);
    const [y, tall] = this.rows.get("bits"), mid = y + tall / 2;
    this.guide(c, mid, tall / 2 - 3, this.highest, [2]);
    this.area(c, this.bits["+"], mid, -(tall / 2 - 3) / this.highest, COLOURS["+"]); this.area(c, this.bits["-"], mid, (tall / 2 - 3) / this.highest, COLOURS["-"]);
    if (this.why) this.reasons(c, from, to);
    this.lanes.forEach((lane, i) => this.arrows(c, lane, this.rows.get("genes" + i), from, to));
    this.orfs(c, from, to);
    for (const t of this.tracks) {
      const [top, high] = this.rows.get("t" + t.feature), middle = top + high / 2;
      c.fillStyle = FAINT; c.fillRect(0, top, this.wide, .75);
      c.fillRect(0, middle - .4, this.wide, .8);
      this.area(c, t["+"], middle, -(high / 2 - 3) / t.top, COLOURS["+"]); this.area(c, t["-"], middle, (high / 2 - 3) / t.top, COLOURS["-"]);
    }
    if (this.caret !== null && this.caret >= from - 1 && this.caret <= to) {
      const x = (this.caret - this.x) * this.scale, w = Math.max(1.5, this.scale);
      c.fillStyle = "rgba(0,114,178,.13)"; c.fillRect(x, ROW.ruler, w, this.tall); c.strokeStyle = COLOURS["+"]; c.lineWidth = 1.2; c.strokeRect(x, ROW.ruler + .5, w, ROW.letters - 1);
    }
    if (this.mark !== null && this.mark !== this.caret) { c.fillStyle = "rgba(30,40,50,.08)"; c.fillRect((this.mark - this.x) * this.scale, ROW.ruler, Math.max(1, this.scale), this.tall); }
  }
  ruler(c, from, to) {
    const step = nice(90 / this.scale), x = i => (i + .5 - this.x) * this.scale;
    c.fillStyle = MUTED; c.textAlign = "center"; c.strokeStyle = FAINT; c.lineWidth = 1;
    const turned = this.r.place && this.r.place.strand === "-";
    for (let k = Math.ceil(Math.min(this.coordinate(from), this.coordinate(to - 1)) / step) * step; ; k += step) {
      const i = turned ? this.r.place.end - k : k - this.offset - 1;
      if (turned ? i < from : i >= to) break;
      if (i < from || i >= to) continue;
      const at = x(i), text = number(k), half = c.measureText ? text.length * 3.2 : 20;
      c.fillStyle = MUTED; c.fillText(text, Math.max(half, Math.min(this.wide - half, at)), 10);
      c.fillStyle = "#c3c8cd"; c.fillRect(at - .5, 17, 1, 5);
    }
  }
  bases(c, from, to) {
    const [y, tall] = this.rows.get("letters"), text = this.r.bases;
    if (this.scale >= LETTERS) {
      c.font = `600 ${Math.min(15, this.scale * .95 + 2)}px ${MONO}`; c.textAlign = "center";
      for (let i = from; i < to; i++) { c.fillStyle = COLOURS[text[i]] || COLOURS.N; c.fillText(text[i], (i + .5 - this.x) * this.scale, y + tall / 2 + 1); }
      c.font = `11px ${FONT}`;
    } else if (this.scale >= 1.4) {
      for (let i = from; i < to; i++) { c.fillStyle = COLOURS[text[i]] || COLOURS.N; c.fillRect((i - this.x) * this.scale, y + 4, this.scale + .2, tall - 8); }
    } else {
      c.fillStyle = "#eef0f2"; c.fillRect(0, y + 4, this.wide, tall - 8);
      c.fillStyle = MUTED; c.textAlign = "center"; c.fillText("zoom in for letters", this.wide / 2, y + tall / 2 + .5);
    }
  }
  guide(c, mid, high, top, at) { for (const v of at) { const d = v / top * high; c.fillStyle = FAINT; c.fillRect(0, mid - d, this.wide, .75); c.fillRect(0, mid + d, this.wide, .75); } c.fillStyle = "#b9bdc1"; c.fillRect(0, mid - .4, this.wide, .8); }
  area(c, levels, zero, per, tone) {
    const level = Math.max(0, Math.min(levels.length - 1, Math.floor(Math.log2(1 / this.scale)))), values = levels[level], size = 2 ** level, step = this.scale * size;
    const from = Math.max(0, Math.floor(this.x / size)), to = Math.min(values.length, Math.ceil((this.x + this.wide / this.scale) / size) + 1), gap = step > 5 ? 1 : 0;
    c.fillStyle = tone;
    for (let i = from; i < to; i++) {
      const v = values[i];
      if (!(v > 0)) continue;
      const tall = v * per, x = (i * size - this.x) * this.scale;
      c.fillRect(x, per < 0 ? zero + tall : zero, Math.max(step - gap, .7), Math.abs(tall));
    }
  }
  reasons(c, from, to) {
    const [y, tall] = this.rows.get("why"), mid = y + tall / 2, w = this.why, top = w.top || 1;
    c.fillStyle = FAINT; c.fillRect(0, y, this.wide, .75); c.fillStyle = "#b9bdc1"; c.fillRect(0, mid - .4, this.wide, .8);
    for (let i = from; i < to; i++) {
      const v = w.values[i];
      if (!v) continue;
      const high = Math.max(-1, Math.min(1, v / top)) * (tall / 2 - 3);
      c.fillStyle = v > 0 ? COLOURS["+"] : COLOURS["-"]; c.fillRect((i - this.x) * this.scale, high > 0 ? mid - high : mid, Math.max(this.scale - (this.scale > 5 ? 1 : 0), .8), Math.abs(high));
    }
  }
  arrows(c, lane, [y, tall], from, to) {
    c.textAlign = "left";
    for (const g of lane) {
      if (g.end < from || g.start > to) continue;
      const a = Math.max(-10, (g.start - this.x) * this.scale), b = Math.min(this.wide + 10, (g.end - this.x) * this.scale), top = y + 3, base = y + tall - 3, mid = (top + base) / 2, tip = Math.min(7, (b - a) / 2);
      c.fillStyle = COLOURS[g.kind] || "#868b90"; c.beginPath();
      if (g.strand === "-") { c.moveTo(a, mid); c.lineTo(a + tip, top); c.lineTo(b, top); c.lineTo(b, base); c.lineTo(a + tip, base); } else if (g.strand === "+") { c.moveTo(a, top); c.lineTo(b - tip, top); c.lineTo(b, mid); c.lineTo(b - tip, base); c.lineTo(a, base); } else { c.moveTo(a, top); c.lineTo(b, top); c.lineTo(b, base); c.lineTo(a, base); }
      c.closePath(); c.fill();
      const text = g.name || g.kind;
      if (b - a > text.length * 6.3 + 14) { c.fillStyle = ["repeat", "ncRNA", "prophage", "intergenic"].includes(g.kind) ? INK : "#fff"; c.fillText(text, Math.max(a, 0) + tip + 4, mid + .5); }
    }
  }
  orfs(c, from, to) {
    const [y, tall] = this.rows.get("orfs");
    c.fillStyle = FAINT; c.fillRect(0, y, this.wide, .75);
    for (const [a, b, strand] of this.r.orfs) {
      if (b < from || a > to) continue;
      c.fillStyle = strand === "+" ? "#7fb2d6" : "#e5a27a"; c.fillRect((a - this.x) * this.scale, strand === "+" ? y + 3 : y + tall - 8, Math.max(1, (b - a) * this.scale), 5);
    }
  }
  overview() {
    const ratio = devicePixelRatio || 1, c = this.over.getContext("2d"), per = this.wide / this.n;
    c.setTransform(ratio, 0, 0, ratio, 0, 0); c.clearRect(0, 0, this.wide, 26);
    c.fillStyle = "#f5f6f8"; c.fillRect(0, 0, this.wide, 26);
    for (const lane of this.lanes) for (const g of lane) { c.fillStyle = COLOURS[g.kind] || "#868b90"; c.fillRect(g.start * per, g.strand === "-" ? 14 : 6, Math.max(1, (g.end - g.start) * per), 6); }
    const a = this.x * per, w = Math.max(3, this.wide / this.scale * per);
    c.fillStyle = "rgba(0,85,138,.10)"; c.fillRect(a, 0, w, 26); c.strokeStyle = "#00558a"; c.lineWidth = 1.2; c.strokeRect(a + .6, .6, w - 1.2, 24.8);
  }
  svg() {
    const c = new SvgContext(this.wide + 150, this.tall);
    c.translate(150, 0); this.paint(c); c.translate(0, 0);
    c.font = `11px ${FONT}`; c.fillStyle = INK; c.textAlign = "left";
    c.mask(150);
    for (const t of this.tracks) { const [y, tall] = this.rows.get("t" + t.feature); c.fillText(`f${t.feature} ${t.name}`.slice(0, 24), 4, y + tall / 2); }
    const [y, tall] = this.rows.get("bits"); c.fillText("bits per base", 4, y + tall / 2);
    return c.text();
  }

  // ---- what lies under the pointer
  async read(i) {
    const r = this.r, text = h("span", {}, `base ${number(this.coordinate(i))} `, h("b", { class: "b" + r.bases[i] }, r.bases[i]), ` \u00b7 bits + ${digits(r.bits["+"][i])}, \u2212 ${digits(r.bits["-"][i])}`);
    const gene = r.genes.filter(g => g.start <= i && i < g.end).map(g => `${g.name || g.kind} (${minus(g.strand)})`).join(", ");
    const tall = h("div", {}, text, gene ? ` \u00b7 ${gene}` : "");
    this.readout.replaceChildren(tall);
    this.pointed = i;
    const at = Math.floor(i / 256) * 256;
    if (!this.hovered.has(at)) this.hovered.set(at, this.on.hover(at, Math.min(this.n, at + 256)));
    const found = await this.hovered.get(at).catch(() => { this.hovered.delete(at); return null; });
    if (this.pointed !== i || !found || this.r !== r) return;
    const strong = ["+", "-"].map(w => h("div", { class: "small" }, `reading ${w === "+" ? "forward" : "in reverse"}: `, found.features[w][i - at].slice(0, 5).flatMap(([f, , share], k) => [k ? " \u00b7 " : "", `f${f} ${this.on.name(f)} ${percent(share)}`.replace(/ {2,}/, " ")])));
    this.readout.replaceChildren(tall, ...strong);
  }
  base(event) { const i = Math.floor(this.x + event.offsetX / this.scale); return i >= 0 && i < this.n ? i : null; }
  listen() {
    const c = this.canvas; let drag = null;
    c.addEventListener("pointerdown", e => { if (e.button === 0 && this.r) { drag = { x: e.clientX, moved: 0 }; c.setPointerCapture(e.pointerId); } });
    c.addEventListener("pointermove", e => {
      if (!this.r) return;
      if (drag) { const d = drag.x - e.clientX; drag.moved += Math.abs(d); drag.x = e.clientX; if (drag.moved > 3) this.pan(d); return; }
      const i = this.base(e);
      if (i !== this.mark) { this.mark = i; this.draw(); if (i !== null) this.read(i); }
    });
    c.addEventListener("pointerup", e => { const was = drag; drag = null; if (was && was.moved <= 3) { const i = this.base(e); if (i !== null) { this.caret = i; this.draw(); this.on.base(i, this.strand); } } });
    c.addEventListener("pointerleave", () => { this.mark = null; this.draw(); });
    c.addEventListener("dblclick", e => this.zoom(4, e.offsetX));
    c.addEventListener("wheel", e => { if (!this.r) return; if (e.ctrlKey || e.metaKey || e.altKey) { e.preventDefault(); this.zoom(Math.exp(-e.deltaY / 220), e.offsetX); } else if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) { e.preventDefault(); this.pan(e.deltaX || e.deltaY); } }, { passive: false });
    c.addEventListener("keydown", e => {
      if (!this.r) return;
      const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (way && e.shiftKey) this.pan(way * this.wide / 4);
      else if (way) this.centre(Math.max(0, Math.min(this.n - 1, (this.caret ?? Math.floor(this.x)) + way * (e.altKey ? 10 : 1))));
      else if (e.key === "+" || e.key === "=") this.zoom(2, this.middle());
      else if (e.key === "-") this.zoom(.5, this.middle());
      else if (e.key === "Home") this.centre(0);
      else if (e.key === "End") this.centre(this.n - 1);
      else if (e.key === "Enter" && this.caret !== null) this.on.base(this.caret, this.strand);
      else return;
      e.preventDefault();
    });
    const jump = e => { if (this.r) { this.x = e.offsetX / this.wide * this.n - this.wide / this.scale / 2; this.clamp(); this.draw(); } };
    this.over.addEventListener("pointerdown", e => { this.over.setPointerCapture(e.pointerId); this.sliding = true; jump(e); });
    this.over.addEventListener("pointermove", e => this.sliding && jump(e));
    this.over.addEventListener("pointerup", () => { this.sliding = false; });
  }
}
const prepared = (t, n) => {
  const plus = dense(t["+"], n), reverse = dense(t["-"], n), high = a => a.reduce((x, y) => y > x ? y : x, 0);
  return { ...t, "+": pyramid(plus, larger), "-": pyramid(reverse, larger), top: Math.max(t.maximum || 0, high(plus), high(reverse)) || 1 };
};
const nice = least => { const p = 10 ** Math.floor(Math.log10(Math.max(least, 1))); return [1, 2, 5, 10].map(k => k * p).find(v => v >= least); };
// intervals on as few lanes as keep them apart, at most three
const lanes = genes => {
  const out = [], ends = [];
  for (const g of [...genes].sort((a, b) => a.start - b.start || b.end - a.end)) {
    let i = ends.findIndex(e => e <= g.start);
    if (i < 0) { if (out.length === 3) continue; i = out.length; out.push([]); }
    out[i].push(g); ends[i] = g.end;
  }
  return out;
};
