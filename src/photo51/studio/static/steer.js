// Steer: sliders in units of each feature's own activation; three arms written base by base; what they cost and move.
import { stream, post, unpack, Replaced } from "./api.js";
import { h, s, number, digits, percent, debounce, diverging, download, table } from "./dom.js";
import { COLOURS } from "./theme.js";

const NAMES = { control: "untouched", feature: "steered", random: "random direction" };
const LOW = -2, HIGH = 4, BUDGET = .1;
export class SteerPanel {
  constructor(host, studio) {
    this.host = host; this.studio = studio; this.sliders = [];
    const reading = studio.panels.read?.panel.reading, start = reading ? reading.bases.slice(0, 120) : "ATGGCGAAAGGTAAAGTTCTG";
    this.prompt = h("textarea", { id: "prompt", rows: "3", spellcheck: "false", "aria-label": "Prompt", onchange: () => this.later() }, start);
    const field = (label, attributes) => { const input = h("input", { type: "number", ...attributes, onchange: () => this.later() }); return [h("label", { class: "field" }, label, input), input]; };
    const [length, lengthIn] = field("bases", { value: 150, min: 8, max: 4000, step: 1, id: "length" }), [seed, seedIn] = field("seed", { value: 51, min: 0, max: 2147483648, step: 1, id: "seed" }), [heat, heatIn] = field("temperature", { value: 1, min: .05, max: 5, step: .05, id: "temperature" });
    this.length = lengthIn; this.seed = seedIn; this.temperature = heatIn;
    this.motif = h("input", { type: "text", maxlength: 40, size: 10, placeholder: "e.g. TATAAT", onchange: () => this.later() });
    const names = [...studio.state.concepts, ...studio.features.name.map((n, f) => n ? `f${f} ${n}` : null).filter(Boolean)];
    this.add = h("input", { type: "text", id: "add", list: "targets", placeholder: "f12, tRNA, stop_codon \u2026", "aria-label": "Feature or concept to steer with", style: { width: "100%" } });
    this.add.addEventListener("keydown", e => { if (e.key === "Enter") { e.preventDefault(); this.added(); } });
    this.boxes = h("div", {});
    this.out = h("div", { "aria-live": "off" });
    host.append(h("div", { class: "steer" }, h("div", {},
      h("fieldset", {}, h("legend", {}, "Go on from"), this.prompt),
      h("fieldset", {}, h("legend", {}, "Steer up or down (up to eight)"), h("div", { class: "row", style: { flexWrap: "nowrap" } }, this.add, h("button", { type: "button", id: "add-slider", onclick: () => this.added() }, "Add"), h("datalist", { id: "targets" }, names.slice(0, 800).map(n => h("option", { value: n })))), this.boxes),
      h("fieldset", {}, h("legend", {}, "Write"), h("div", { class: "row" }, length, seed, heat), h("label", { class: "field", style: { marginTop: ".45rem" } }, "count the motif", this.motif)),
      h("div", { class: "row" }, h("button", { type: "button", class: "first", id: "write", onclick: () => this.write() }, "Write"), h("button", { type: "button", id: "stop", onclick: () => this.stop() }, "Stop"), h("button", { type: "button", onclick: () => this.fasta() }, "FASTA"), h("button", { type: "button", onclick: () => this.table() }, "TSV"))),
      this.out));
    this.out.append(h("p", { class: "empty" }, "Add a feature or a concept and move its slider: the model writes from the prompt, next to an unsteered control with the same random numbers and a control steered as far in a random direction. Nothing but the slider differs, so what differs comes from it."));
    this.later = debounce(() => this.write(), 40);
    studio.steerWith = text => { studio.show("steer"); if (this.addSlider(text, 1)) this.write(); };
  }
  shown() { const last = this.studio.steerLast; if (last) { this.studio.steerLast = null; this.restore(last); } }
  restore(state) {
    this.prompt.value = state.prompt; this.length.value = state.length; this.seed.value = state.seed; this.temperature.value = state.temperature; this.motif.value = state.motif;
    this.sliders = []; this.boxes.replaceChildren();
    for (const x of state.sliders) this.addSlider(x.target, x.strength, false);
    return this.write();
  }
  added() {
    const text = this.add.value.trim(), feature = /^f?(\d+)\b/i.exec(text), concept = this.studio.state.concepts.find(c => c.toLowerCase() === text.toLowerCase());
    const sum = / [+-] |\*/.test(text), target = concept || (sum ? text : feature ? `f${feature[1]}` : text.replaceAll(" ", "_"));
    if (!text) return;
    if (this.addSlider(target, 1)) { this.add.value = ""; this.write(); }
  }
  addSlider(target, strength, measure = true) {
    if (this.sliders.length >= 8 || this.sliders.some(x => x.target === target)) return false;
    const f = /^f(\d+)$/.exec(target), st = this.studio, x = { target, strength };
    const value = h("output", {}, digits(strength)), safe = h("div", { class: "safe", role: "img", "aria-label": "safe range: not measured yet" }), said = h("p", { class: "small" }, "safe range: measured when asked");
    const range = h("input", { type: "range", min: LOW, max: HIGH, step: .05, value: strength, "aria-label": `strength of ${target}, units` });
    range.addEventListener("input", () => { x.strength = +range.value; value.textContent = digits(x.strength); this.later(); });
    const ticks = f && st.features.median[+f[1]] > 0 ? `median ${digits(st.features.median[+f[1]] / st.features.unit[+f[1]], 2)}, 1 = 99th percentile, largest ${digits(st.features.maximum[+f[1]] / st.features.unit[+f[1]], 2)}` : "1 = 99th percentile of its activation";
    x.box = h("div", { class: "slider" }, h("header", {}, h("b", { title: st.label(f ? +f[1] : -1) }, f ? st.label(+f[1]) : target), value, h("button", { type: "button", class: "link", "aria-label": `remove ${target}`, onclick: () => { this.sliders = this.sliders.filter(o => o !== x); x.box.remove(); this.write(); } }, "remove")), range, safe,
      h("div", { class: "ticks", "aria-hidden": "true" }, [-2, -1, 0, 1, 2, 3, 4].map(v => h("span", {}, String(v).replace("-", "\u2212")))), h("p", { class: "small" }, ticks), h("div", { class: "row" }, said, h("button", { type: "button", class: "link", onclick: () => this.measure(x, safe, said) }, "measure the safe range")));
    const place = v => `${100 * (v - LOW) / (HIGH - LOW)}%`;
    safe.append(h("i", { class: "zero", style: { left: place(0) } }));
    x.place = place;
    this.sliders.push(x); this.boxes.append(x.box);
    return measure || true;
  }
  async measure(x, safe, said) {
    let largest = 0;
    said.textContent = "measuring \u2026";
    const shade = h("i", { style: { left: x.place(0), width: "0%" } });
    safe.querySelectorAll("i:not(.zero)").forEach(e => e.remove()); safe.prepend(shade);
    await this.studio.during(x.box, async () => {
      for await (const e of stream("dose", { target: x.target, prompt: this.prompt.value, seed: +this.seed.value })) {
        if (e.safe) largest = e.dose;
        shade.style.width = `${100 * largest / (HIGH - LOW)}%`;
        said.textContent = `safe up to ${digits(largest)} units${e.safe ? " so far" : ""}: at ${digits(e.dose)} surprisal rises by ${percent(Math.max(e.nll_rise, e.nll_rise_real))} (budget ${percent(e.budget)})`;
      }
      x.safe = largest; x.box.dataset.safe = largest;
      safe.setAttribute("aria-label", `safe range: up to ${largest} units`);
    }, "measuring the safe range");
  }
  request() { return { prompt: this.prompt.value, sliders: this.sliders.map(x => ({ target: x.target, strength: +x.strength })), length: +this.length.value, seed: +this.seed.value, temperature: +this.temperature.value, motif: this.motif.value }; }
  stop() { this.abort?.abort(); post("cancel", { panel: "steer" }).catch(() => {}); }
  async write() {
    this.abort?.abort();
    const abort = this.abort = new AbortController(), body = this.request(), began = performance.now();
    this.firstBase = null; delete this.host.dataset.done;
    await this.studio.during(this.host, async () => {
      for await (const e of stream("steer", body, abort.signal)) {
        if (abort !== this.abort) throw new Replaced("");
        if (e.arms) this.begin(e);
        else if (e.b) { this.firstBase ??= performance.now() - began; this.texts.forEach((_, i) => { this.texts[i] += e.b[i]; }); this.soon(); }
        else if (e.done) { this.host.dataset.done = e.digest; this.took = performance.now() - began; this.draw(true); }
        else this.look(e);
      }
    }, "writing");
  }
  begin(e) {
    this.arms = e.arms; this.watched = e.watched; this.judges = e.judges; this.texts = e.arms.map(() => ""); this.bits = e.arms.map(() => []); this.levels = e.arms.map(() => e.watched.map(() => []));
    this.panes = e.arms.map(a => h("div", { class: "seq", "aria-label": `${NAMES[a]} sequence` }));
    this.heads = e.arms.map(() => h("span", { class: "small" }));
    this.cost = h("div", {}); this.level = h("div", {}); this.scores = h("div", {}); this.moved = h("div", {});
    this.out.replaceChildren(...e.arms.map((a, i) => h("section", { class: "arm" }, h("header", {}, h("b", {}, NAMES[a]), this.heads[i]), this.panes[i])), h("div", { class: "gauges" }, this.cost, this.level, this.scores, this.moved));
  }
  soon() { if (this.drawing) return; this.drawing = true; requestAnimationFrame(() => { this.drawing = false; this.draw(); }); }
  draw(whole = false) {
    const control = this.texts[0];
    this.panes.forEach((pane, i) => {
      // runs of one letter and one verdict share a span; only what is new is added
      const text = this.texts[i], from = pane.firstChild && !whole ? Number(pane.dataset.n || 0) : 0;
      if (!from) pane.replaceChildren();
      for (let k = from; k < text.length;) {
        let j = k + 1; const differs = i > 0 && text[k] !== control[k];
        while (j < text.length && text[j] === text[k] && (i > 0 && text[j] !== control[j]) === differs) j++;
        pane.append(h("span", { class: `b${text[k]}${differs ? " differs" : ""}` }, text.slice(k, j))); k = j;
      }
      pane.dataset.n = text.length; pane.classList.toggle("cursor", text.length < +this.length.value && !whole);
      const apart = i ? [...text].filter((b, k) => b !== control[k]).length : 0;
      this.heads[i].textContent = `${number(text.length)} bases${i ? ` \u00b7 ${percent(text.length ? apart / text.length : 0)} differ` : ""}${this.bits[i].length ? ` \u00b7 ${digits(mean(this.bits[i]))} bits a base to the model as it is` : ""}`;
    });
  }
  look(e) {
    e.bits.forEach((b, i) => this.bits[i].push(...unpack(b)));
    e.levels.forEach((arm, i) => arm.forEach((level, k) => this.levels[i][k].push(...unpack(level))));
    this.last = e;
    if (this.arms.length > 1) {
      const rise = mean(this.bits[1]) / mean(this.bits[0]) - 1, other = mean(this.bits[2]) / mean(this.bits[0]) - 1, at = v => `${Math.max(0, Math.min(99, 50 * v / BUDGET))}%`;
      this.cost.replaceChildren(h("h3", {}, "Cost in likelihood"), h("div", { class: "cost", role: "img", "aria-label": `steered costs ${percent(rise)}, budget ${percent(BUDGET)}` }, h("i", { style: { left: at(rise) } }), h("i", { style: { left: at(other), background: COLOURS.null } })),
        h("p", { class: "small" }, `steered ${signed(rise)}, random direction (grey) ${signed(other)} bits against the untouched; the budget of ${percent(BUDGET)} is the middle`));
      this.moved.replaceChildren(h("h3", {}, "Other features that changed"), h("table", { class: "list" }, h("thead", {}, h("tr", {}, ["Feature", "Steered (units)", "", "Random"].map(t => h("th", { scope: "col" }, t)))), h("tbody", {}, e.moved.map(m => h("tr", {}, h("td", {}, h("button", { type: "button", class: "link", onclick: () => this.studio.inspector.feature(m.feature) }, `f${m.feature}`), ` ${this.studio.name(m.feature)}`), h("td", {}, digits(m.steered, 2)), h("td", {}, diverging(m.steered / Math.max(Math.abs(e.moved[0].steered), 1e-9))), h("td", {}, digits(m.random, 2)))))));
    }
    if (this.watched.length) this.level.replaceChildren(h("h3", {}, "Activation along what is written (units)"), ...this.watched.map((w, k) => this.spark(w, k)));
    this.scores.replaceChildren(h("h3", {}, "Scorers"), table("scores", ["", ...this.arms.map(a => NAMES[a])], this.judges.map((j, k) => [h("span", { title: j.meaning }, j.name.replaceAll("_", " "), " ", h("span", { class: "small" }, j.unit)), ...this.arms.map((_, i) => digits(e.scores[i][k]))])));
    this.draw();
  }
  spark(name, k) {
    const wide = 320, tall = 54, n = Math.max(+this.length.value, 1), all = this.levels.map(l => l[k]), top = Math.max(1, ...all.flat());
    const path = v => v.map((y, i) => `${i ? "L" : "M"}${(i / n * wide).toFixed(1)},${(tall - y / top * (tall - 4)).toFixed(1)}`).join("");
    return h("div", {}, h("p", { class: "small" }, `${name}: steered ${digits(mean(all[1] || all[0]), 2)}, untouched ${digits(mean(all[0]), 2)}, up to ${digits(top, 2)}`), s("svg", { viewBox: `0 0 ${wide} ${tall + 2}`, width: "100%", preserveAspectRatio: "none", style: { height: "54px" }, role: "img", "aria-label": `activation of ${name} in each arm` },
      s("path", { d: `M0,${tall}H${wide}`, stroke: "#b9bdc1" }), all[2] ? s("path", { d: path(all[2]), fill: "none", stroke: COLOURS.null, "stroke-width": 1, "stroke-dasharray": "3 2" }) : null, s("path", { d: path(all[0]), fill: "none", stroke: COLOURS.muted, "stroke-width": 1.2 }), all[1] ? s("path", { d: path(all[1]), fill: "none", stroke: COLOURS["+"], "stroke-width": 1.8 }) : null));
  }
  fasta() { if (this.texts) download("steered.fa", this.texts.map((t, i) => `>${this.arms[i]} seed=${this.seed.value}\n${t.replace(/(.{70})/g, "$1\n")}\n`).join(""), "text/plain"); }
  table() { if (this.last) download("steered.tsv", ["scorer\tunit\t" + this.arms.join("\t"), ...this.judges.map((j, k) => [j.name, j.unit, ...this.arms.map((_, i) => this.last.scores[i][k])].join("\t"))].join("\n") + "\n", "text/plain"); }
}
const mean = v => v.length ? v.reduce((a, b) => a + b, 0) / v.length : NaN;
const signed = v => `${v >= 0 ? "+" : "\u2212"}${Math.abs(100 * v).toFixed(1)}\u202f%`;
