// Paint: concepts on the bases of a sequence that is still to be written; only what changed is written again.
import { stream, post, unpack, Replaced } from "./api.js";
import { h, number, digits, percent, debounce, download, table } from "./dom.js";
import { LaneCanvas, tone } from "./canvas.js";

const START = "ATGGCGAAAGGTAAAGTTCTGATTGCGGATAACGGTCTGAAAGCG";
const SETTINGS = [["length", "bases", 240, 8, 4000, 1], ["seed", "seed", 51, 0, 2147483648, 1], ["temperature", "temperature", 1, .05, 5, .05], ["candidates", "candidates per block", 8, 1, 16, 1], ["background", "strength elsewhere", -2, -8, 0, .25], ["paint_weight", "weight of the paint", 4, 0, 32, .5], ["margin", "margin counted as inside", 10, 0, 1000, 5]];
const COMPATIBLE = ["prompt", "length", "strand", "sequences"];
const term = (f, w) => `${Number(Math.abs(w).toPrecision(4))}*f${f}`;
// the sum that a concept becomes when its parts are weighted; the concept itself where nothing is
export const expression = lane => {
  if (!lane.parts || lane.weights.every(w => w === 1)) return lane.concept0;
  const total = new Map();
  lane.parts.forEach((p, k) => p.features.forEach((f, j) => total.set(f, (total.get(f) || 0) + lane.weights[k] * p.weights[j])));
  const terms = [...total].filter(([, w]) => Math.abs(w) > 1e-9);
  return terms.map(([f, w], k) => k ? ` ${w < 0 ? "-" : "+"} ${term(f, w)}` : `${w < 0 ? "-" : ""}${term(f, w)}`).join("");
};

export class PaintPanel {
  constructor(host, studio) {
    this.host = host; this.studio = studio; this.lanes = []; this.inputs = {};
    const reading = studio.panels.read?.panel.reading;
    this.prompt = h("textarea", { rows: "2", spellcheck: "false", id: "paint-prompt", "aria-label": "Bases before the canvas" }, reading ? reading.bases.slice(0, 60) : START);
    const field = ([key, label, value, min, max, step]) => { const input = this.inputs[key] = h("input", { type: "number", id: `paint-${key}`, value, min, max, step, onchange: () => this.settled(key) }); return h("label", { class: "field" }, label, input); };
    this.strand = h("select", { "aria-label": "strand that is painted", onchange: () => this.settled() }, h("option", { value: "+" }, "forward"), h("option", { value: "-" }, "reverse"));
    const names = [...studio.state.concepts, ...studio.features.name.map((n, f) => n ? `f${f} ${n}` : null).filter(Boolean)];
    this.add = h("input", { type: "text", id: "paint-add", list: "paint-targets", placeholder: "stop codon, CDS, f12 \u2026", "aria-label": "Concept or feature for a new lane", style: { width: "100%" } });
    this.add.addEventListener("keydown", e => { if (e.key === "Enter") { e.preventDefault(); this.added(); } });
    this.boxes = h("div", {}); this.out = h("div", {}); this.form = h("div", { class: "row paintform" });
    this.live = h("input", { type: "checkbox", id: "paint-live", checked: true }); this.infill = h("input", { type: "checkbox", id: "paint-infill" });
    const tools = ["draw", "erase"].map(t => h("button", { type: "button", id: `tool-${t}`, "aria-pressed": String(t === "draw"), onclick: () => { this.view.tool = t; tools.forEach((b, i) => b.setAttribute("aria-pressed", String(["draw", "erase"][i] === t))); this.view.draw(); } }, t === "draw" ? "Draw and drag" : "Erase"));
    const right = h("div", {}, h("div", { class: "row", role: "group", "aria-label": "tool" }, tools, h("button", { type: "button", id: "paint-new", onclick: () => this.another() }, "Add paint"), h("span", { class: "grow" }), h("label", { class: "field" }, this.live, "write at once"), h("label", { class: "field", title: "only the bases under a change are written, judged by what follows them" }, this.infill, "keep what follows (infill)")));
    host.append(h("div", { class: "steer" }, h("div", {},
      h("fieldset", {}, h("legend", {}, "Go on from"), this.prompt),
      h("fieldset", {}, h("legend", {}, "Concepts, a lane each"), h("div", { class: "row", style: { flexWrap: "nowrap" } }, this.add, h("button", { type: "button", id: "paint-lane", onclick: () => this.added() }, "Add"), h("datalist", { id: "paint-targets" }, names.slice(0, 800).map(n => h("option", { value: n })))), this.boxes),
      h("fieldset", {}, h("legend", {}, "Write"), h("div", { class: "row" }, SETTINGS.map(field), h("label", { class: "field" }, "strand", this.strand))),
      h("div", { class: "row" }, h("button", { type: "button", class: "first", id: "paint-write", onclick: () => this.write(true) }, "Write all again"), h("button", { type: "button", id: "paint-again", onclick: () => this.write() }, "Write what changed"), h("button", { type: "button", onclick: () => this.stop() }, "Stop"))), right));
    this.view = new LaneCanvas(right, { change: () => this.changed(), select: () => this.fields() });
    right.append(this.form, this.out);
    this.empty();
    this.later = debounce(() => { if (this.live.checked && this.paints().length) this.write(); }, 160);
    this.sync();
  }
  empty() { this.out.replaceChildren(h("p", { class: "empty" }, "Add a concept, then draw on its lane where the sequence should have it: the model writes the whole, block by block, and of several tries keeps those that read back as painted. Drag, resize or erase the paint, and only what follows the first change is written again; with infill only what lies under it.")); }
  shown() { this.view.draw(); const last = this.studio.state.latest.paint; if (last && !this.asked) this.restore(last); }
  async restore(state) {
    this.asked = true;
    const view = state.view ? JSON.parse(state.view) : null;
    this.prompt.value = state.prompt; this.strand.value = state.strand; for (const [key] of SETTINGS) this.inputs[key].value = state[key];
    this.infill.checked = state.infill;
    if (view) { this.lanes = view.lanes; this.view.paints = view.paints; }
    this.sync();
    const told = await this.studio.during(this.host, () => post("painted", { key: state.key }), "looking up");
    if (told) { this.last = { ...state, paints: state.paints }; this.done(told); }
  }
  // ---- lanes
  added() {
    const text = this.add.value.trim(), feature = /^f?(\d+)\b(?!.*[*+])/i.exec(text), known = this.studio.state.concepts.find(c => c.toLowerCase() === text.toLowerCase());
    if (!text) return;
    this.add.value = "";
    this.addLane(known || (feature ? `f${feature[1]}` : text));
  }
  addLane(concept) {
    if (this.lanes.length >= 8 || this.lanes.some(l => l.concept0 === concept)) return;
    const f = /^f(\d+)$/.exec(concept);
    this.lanes.push({ concept0: concept, concept, label: f ? this.studio.label(+f[1]) : concept, parts: null, weights: [] });
    this.sync();
  }
  sync() {
    for (const lane of this.lanes) lane.concept = expression(lane);
    this.view.set({ lanes: this.lanes, length: +this.inputs.length.value });
    this.boxes.replaceChildren(...this.lanes.map((lane, l) => this.laneBox(lane, l)));
    this.fields();
  }
  laneBox(lane, l) {
    const sliders = lane.parts ? lane.parts.map((p, k) => {
      const value = h("output", {}, digits(lane.weights[k])), members = p.features.slice(0, 4).map(f => this.studio.label(f)).join(", ");
      const range = h("input", { type: "range", min: 0, max: 2, step: .05, value: lane.weights[k], "aria-label": `share of ${p.name} in ${lane.label}`, oninput: e => { lane.weights[k] = +e.target.value; value.textContent = digits(lane.weights[k]); }, onchange: () => { lane.concept = expression(lane); if (lane.concept) this.changed(); } });
      return h("div", {}, h("div", { class: "row small" }, h("span", { class: "grow", title: members }, `${p.name}: ${members}${p.features.length > 4 ? ` and ${p.features.length - 4} more` : ""}`), value), range);
    }) : [];
    return h("div", { class: "slider" }, h("header", {}, h("i", { class: "swatch", style: { background: tone(l) } }), h("b", { title: lane.label }, lane.label),
      h("button", { type: "button", class: "link", "aria-expanded": String(Boolean(lane.parts)), onclick: () => this.parts(lane) }, lane.parts ? "whole" : "sub-features"), h("button", { type: "button", class: "link", "aria-label": `remove the lane ${lane.label}`, onclick: () => this.dropLane(l) }, "remove")), sliders);
  }
  async parts(lane) {
    if (lane.parts) { lane.parts = null; lane.weights = []; this.sync(); this.changed(); return; }
    const found = await this.studio.during(this.boxes, () => post("parts", { concept: lane.concept0 }), "parting");
    if (found) { lane.parts = found.parts; lane.weights = found.parts.map(() => 1); this.sync(); }
  }
  dropLane(l) {
    this.lanes.splice(l, 1);
    this.view.paints = this.view.paints.filter(p => p.lane !== l).map(p => ({ ...p, lane: p.lane - (p.lane > l), towards: p.towards === l || p.towards === null ? null : p.towards - (p.towards > l) }));
    this.sync(); this.changed();
  }
  // ---- paint
  another() {
    if (!this.lanes.length) return;
    const n = this.view.length, start = Math.round(n / 3);
    this.view.changed([...this.view.paints, { lane: this.lanes.length - 1, start, end: Math.min(n, start + Math.max(2, Math.round(n / 4))), strength: this.view.strength, towards: null }], this.view.paints.length);
  }
  fields() {
    const k = this.view?.selected, p = k === null || k === undefined ? null : this.view.paints[k];
    if (!p) { this.form.replaceChildren(h("p", { class: "small" }, this.view?.paints.length ? "Click paint, or reach it with the Tab key, to change it by numbers." : "")); return; }
    const put = more => this.view.changed(this.view.paints.map((q, j) => j === k ? { ...q, ...more } : q), k);
    const num = (label, value, min, max, step, act) => h("label", { class: "field" }, label, h("input", { type: "number", value, min, max, step, onchange: e => act(+e.target.value) }));
    const pick = (label, value, options, act) => h("label", { class: "field" }, label, h("select", { onchange: e => act(e.target.value) }, options.map(([v, t]) => h("option", { value: v, selected: String(v) === String(value) }, t))));
    this.form.replaceChildren(num("from base", p.start + 1, 1, p.end - 1, 1, v => put({ start: Math.max(0, Math.min(p.end - 2, v - 1)) })), num("to base", p.end, p.start + 2, this.view.length, 1, v => put({ end: Math.max(p.start + 2, Math.min(this.view.length, v)) })),
      num("strength (units)", p.strength, -8, 8, .25, v => put({ strength: Math.max(-8, Math.min(8, v)) })), pick("lane", p.lane, this.lanes.map((l, i) => [i, l.label]), v => put({ lane: +v, towards: +v === p.towards ? null : p.towards })),
      pick("blend into", p.towards ?? "", [["", "nothing"], ...this.lanes.map((l, i) => [i, l.label]).filter(([i]) => i !== p.lane)], v => put({ towards: v === "" ? null : +v })), h("button", { type: "button", onclick: () => this.view.changed(this.view.paints.filter((_, j) => j !== k), null) }, "Remove paint"));
  }
  paints() { return this.view.paints.map(p => ({ start: p.start, end: p.end, concept: this.lanes[p.lane].concept + (p.towards === null || p.towards === undefined ? "" : ` -> ${this.lanes[p.towards].concept}`), strength: p.strength })); }
  changed() { this.later(); }
  settled(key) {
    const n = +this.inputs.length.value;
    this.view.paints = this.view.paints.map(p => ({ ...p, end: Math.min(p.end, n) })).filter(p => p.end - p.start > 1);
    if (key === "length") this.view.selected = null;
    this.view.set({ length: n, strength: 2 }); this.later();
  }
  // ---- writing
  request(all) {
    const body = { prompt: this.prompt.value, paints: this.paints(), strand: this.strand.value, sequences: 1, infill: this.infill.checked };
    for (const [key] of SETTINGS) body[key] = +this.inputs[key].value;
    const last = this.last, same = last && JSON.stringify(last.paints) === JSON.stringify(body.paints);
    const again = !all && last?.key && !same && COMPATIBLE.every(k => last[k] === body[k]);
    body.view = JSON.stringify({ lanes: this.lanes, paints: this.view.paints });
    body.before = again ? last.key : ""; if (!again) body.infill = false;
    return body;
  }
  stop() { this.abort?.abort(); post("cancel", { panel: "paint" }).catch(() => {}); }
  async write(all = false) {
    if (!this.view.paints.length) { this.out.replaceChildren(h("p", { class: "bad", role: "alert" }, "Paint something first: add a concept and draw on its lane.")); return; }
    this.asked = true; this.abort?.abort();
    const abort = this.abort = new AbortController(), body = this.request(all), old = body.before ? this.result.texts[0] : "\u00b7".repeat(body.length);
    delete this.host.dataset.done;
    await this.studio.during(this.out, async () => {
      let text = old;
      for await (const e of stream("paint", body, abort.signal)) {
        if (abort !== this.abort) throw new Replaced("");
        if (e.done) { this.last = { ...body, prompt: body.prompt, key: e.key }; this.done(e); }
        else if (e.bases) { text = text.slice(0, e.start) + e.bases[0] + text.slice(e.end); this.view.show({ levels: new Map(), asked: new Map(), text, kept: Boolean(body.before), rewritten: [[Math.min(e.start, e.start), e.end]], differs: [] }); }
      }
    }, "painting");
  }
  done(e) {
    this.result = e;
    const levels = new Map(e.levels.map(l => [l.concept, unpack(l.level[0])])), asked = new Map(e.asked.map(a => [a.concept, unpack(a.strength)]));
    this.tracks = { levels, asked };
    this.view.show({ levels, asked, text: e.texts[0], kept: e.kept, rewritten: e.rewritten, differs: e.differs });
    const span = list => list.map(([a, b]) => `${number(a + 1)}\u2013${number(b)}`).join(", "), n = e.texts[0].length, name = c => this.lanes.find(l => l.concept === c)?.label || c;
    const same = e.kept ? h("p", { id: "rewritten" }, `Bases ${span(e.rewritten)} were written again, of ${number(n)}; ${e.differs.length ? `those that differ from before lie within ${number(e.differs[0][0] + 1)}\u2013${number(e.differs.at(-1)[1])}` : "they came out as before"}. Every other base is the one that was there.`) : h("p", { id: "rewritten" }, `${number(n)} bases were written.`);
    const save = (label, file, text, type = "text/plain") => h("button", { type: "button", onclick: () => download(file, text(), type) }, label);
    this.out.replaceChildren(same, h("h3", {}, "Painted and achieved"), table("painted and achieved", ["Concept", "Share of its activation inside", "If spread evenly", "Mean inside (units)", "Mean outside"], e.overlap.map(o => [name(o.concept), percent(o.mass_inside), percent(o.expected), digits(o.mean_inside, 2), digits(o.mean_outside, 2)])),
      h("h3", {}, "Independent scores of the written bases"), h("p", { class: "small" }, "Sequence scorers that do not use the model, on the painted bases and on the others."), table("scorers", ["", "Painted", "Elsewhere", ""], e.scores.map(x => [h("span", { title: x.meaning }, x.name.replaceAll("_", " ")), digits(x.inside), digits(x.outside), h("span", { class: "small" }, x.unit)])),
      h("div", { class: "row" }, save("FASTA", "painted.fa", () => e.texts.map((t, i) => `>painted_${i}\n${t.replace(/(.{70})/g, "$1\n")}\n`).join("")), save("BED of the paint", "paint.bed", () => this.paints().map(p => `canvas\t${p.start}\t${p.end}\t${p.concept}\t${p.strength}\t${this.strand.value}\n`).join("")),
        save("TSV of the tracks", "painted.tsv", () => this.tsv()), save("SVG", "painted.svg", () => this.view.picture(), "image/svg+xml")));
    this.host.dataset.mass = JSON.stringify(Object.fromEntries(e.overlap.map(o => [o.concept, o.mass_inside]))); this.host.dataset.done = e.digest; this.host.dataset.key = e.key;
  }
  tsv() {
    const names = [...this.tracks.levels.keys()], text = this.result.texts[0], lines = [["position", "base", ...names.flatMap(n => [`asked ${n}`, `achieved ${n}`])].join("\t")];
    for (let i = 0; i < text.length; i++) lines.push([i + 1, text[i], ...names.flatMap(n => [this.tracks.asked.get(n)?.[i] ?? 0, this.tracks.levels.get(n)[i]])].join("\t"));
    return lines.join("\n") + "\n";
  }
}
