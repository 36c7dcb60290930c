// Listen: rules built by clicking, watched while they fire; what can never fire is said before it runs.
import { stream, post, unpack, Replaced } from "./api.js";
import { h, s, number, digits, debounce, download, table } from "./dom.js";
import { tone } from "./canvas.js";

const STOPS = "TAA|TAG|TGA";
const SAID = { ready: "can fire", hardly: "can hardly fire", never: "can never fire", wrong: "is no rule yet" };
const ACTIONS = [["stop", "stop"], ["log", "note it"], ["steer", "steer"], ["insert", "insert bases"], ["temperature", "change the temperature"], ["prompt", "switch the prompt"]];
const blank = n => ({ name: `rule ${n}`, when: "feature", watch: "", threshold: .5, window: 1, word: STOPS, frame: "0", first: 0, once: false, act: "log", steer: "", strength: 1, insert: "", temperature: .5, prompt: "" });

export class ListenPanel {
  constructor(host, studio) {
    this.host = host; this.studio = studio; this.rules = []; this.made = 0;
    this.prompt = h("textarea", { rows: "3", spellcheck: "false", id: "listen-prompt", "aria-label": "Prompt", onchange: () => this.check() }, "ATGGCGAAAGGTAAAGTTCTGATTGCGGATAACGGTCTGAAAGCG");
    const field = (label, id, value, min, max, step) => { const input = h("input", { type: "number", id, value, min, max, step, onchange: () => this.check() }); return [h("label", { class: "field" }, label, input), input]; };
    const [length, lengthIn] = field("bases", "listen-length", 600, 1, 4000, 1), [many, manyIn] = field("sequences", "listen-sequences", 2, 1, 4, 1), [seed, seedIn] = field("seed", "listen-seed", 51, 0, 2147483648, 1), [heat, heatIn] = field("temperature", "listen-temperature", 1, .05, 5, .05);
    Object.assign(this, { length: lengthIn, many: manyIn, seed: seedIn, temperature: heatIn });
    this.boxes = h("div", { id: "rules" }); this.out = h("div", { "aria-live": "off" });
    const names = [...studio.state.concepts, ...studio.features.name.map((n, f) => n ? `f${f} ${n}` : null).filter(Boolean)];
    host.append(h("div", { class: "steer" }, h("div", {}, h("fieldset", {}, h("legend", {}, "Go on from"), this.prompt),
      h("fieldset", {}, h("legend", {}, "Rules, all watched at once"), this.boxes, h("div", { class: "row" }, h("button", { type: "button", id: "add-rule", onclick: () => this.addRule({}) }, "Add a rule"), h("button", { type: "button", id: "stop-rule", onclick: () => this.addRule({ name: "stop codon in frame", when: "word", word: STOPS, frame: "0", act: "stop" }) }, "Stop at the first stop codon in frame")), h("datalist", { id: "listen-targets" }, names.slice(0, 800).map(n => h("option", { value: n })))),
      h("fieldset", {}, h("legend", {}, "Write"), h("div", { class: "row" }, length, many, seed, heat)),
      h("div", { class: "row" }, h("button", { type: "button", class: "first", id: "listen", onclick: () => this.write() }, "Write and listen"), h("button", { type: "button", onclick: () => this.stop() }, "Stop"), h("button", { type: "button", onclick: () => this.fasta() }, "FASTA"), h("button", { type: "button", onclick: () => this.tsv() }, "Events as TSV"), h("button", { type: "button", onclick: () => this.svg() }, "SVG"))), this.out));
    this.out.append(h("p", { class: "empty" }, "A rule watches a feature, or a motif, while the sequence is written base by base, and acts one base later. Where a rule fires the base is marked, and its level is drawn below."));
    this.check = debounce(() => this.checked(), 120);
  }
  shown() { const last = this.studio.state.latest.listen; if (last && !this.asked) this.restore(last); }
  restore(state) {
    this.prompt.value = state.prompt; this.length.value = state.length; this.many.value = state.sequences; this.seed.value = state.seed; this.temperature.value = state.temperature;
    this.rules = []; this.boxes.replaceChildren();
    for (const r of state.rules) this.addRule({ ...r, when: r.watch && r.word ? "both" : r.watch ? "feature" : "word", frame: r.frame === null || r.frame === undefined ? "" : String(r.frame), word: r.word || "", act: ACTIONS.map(a => a[0]).find(k => r.do[k]) || "log", ...Object.fromEntries(Object.entries(r.do).filter(([k, v]) => v !== null && k !== "stop" && k !== "log")) });
    return this.write();
  }
  // ---- rules
  addRule(given) {
    if (this.rules.length >= 8) return;
    const rule = { ...blank(++this.made), ...Object.fromEntries(Object.entries(given).filter(([, v]) => v !== null && v !== undefined)) };
    while (this.rules.some(r => r.name === rule.name)) rule.name += " *";
    rule.said = h("p", { class: "small verdictline", role: "status" }); rule.box = h("div", { class: "slider rule" });
    this.rules.push(rule); this.boxes.append(rule.box); this.drawRule(rule); this.check();
  }
  drawRule(r) {
    const put = (key, cast = v => v) => e => { r[key] = cast(e.target.type === "checkbox" ? e.target.checked : e.target.value); if (["when", "act"].includes(key)) this.drawRule(r); this.check(); };
    const pick = (label, key, options) => h("label", { class: "field" }, label, h("select", { "data-key": key, onchange: put(key) }, options.map(([v, t]) => h("option", { value: v, selected: v === r[key] }, t))));
    const num = (label, key, min, max, step) => h("label", { class: "field" }, label, h("input", { type: "number", "data-key": key, min, max, step, value: r[key], onchange: put(key, Number) }));
    const text = (label, key, more = {}) => h("label", { class: "field grow" }, label, h("input", { type: "text", "data-key": key, value: r[key], spellcheck: "false", style: { minWidth: "8rem", flex: "1" }, ...more, onchange: put(key) }));
    const range = h("input", { type: "range", min: .05, max: 3, step: .05, value: r.threshold, "aria-label": `threshold of ${r.name}, units`, oninput: e => { r.threshold = +e.target.value; shown.textContent = `${digits(r.threshold)} units`; this.check(); } }), shown = h("output", {}, `${digits(r.threshold)} units`);
    r.box.replaceChildren(...[h("header", {}, h("i", { class: "swatch", style: { background: tone(this.rules.indexOf(r)) } }), h("b", {}, r.name), h("button", { type: "button", class: "link", "aria-label": `remove ${r.name}`, onclick: () => { this.rules = this.rules.filter(o => o !== r); r.box.remove(); this.rules.forEach(o => this.drawRule(o)); } }, "remove")),
      h("div", { class: "row" }, pick("when", "when", [["feature", "a feature is above"], ["word", "a motif is written"], ["both", "both, at one base"]])),
      r.when === "word" ? null : h("div", {}, h("div", { class: "row" }, text("feature", "watch", { list: "listen-targets", placeholder: "f12, CDS \u2026" })), h("div", { class: "row", style: { flexWrap: "nowrap" } }, range, shown), h("div", { class: "row" }, num("for bases", "window", 1, 1000, 1))),
      r.when === "feature" ? null : h("div", { class: "row" }, text("word", "word"), pick("frame", "frame", [["0", "of the prompt"], ["1", "+1"], ["2", "+2"], ["", "any"]])),
      h("div", { class: "row" }, num("from base", "first", 0, 4000, 1), h("label", { class: "field" }, h("input", { type: "checkbox", checked: r.once, onchange: put("once") }), "once")),
      h("div", { class: "row" }, pick("then", "act", ACTIONS), r.act === "steer" ? [text("with", "steer", { list: "listen-targets", placeholder: "f12, CDS \u2026" }), num("by units", "strength", -8, 8, .25)] : r.act === "insert" ? text("bases", "insert", { placeholder: "TAA" }) : r.act === "prompt" ? text("to", "prompt") : r.act === "temperature" ? num("to", "temperature", .05, 5, .05) : null), r.said].filter(Boolean));
  }
  target(text) { const f = /^f?(\d+)\b(?!.*[*+])/i.exec(text.trim()); return f ? `f${f[1]}` : this.studio.state.concepts.find(c => c.toLowerCase() === text.trim().toLowerCase()) || text.trim(); }
  settings() {
    return this.rules.map(r => {
      const rule = { name: r.name, first: r.first, once: r.once, do: {} };
      if (r.when !== "word") Object.assign(rule, { watch: this.target(r.watch), threshold: r.threshold, window: r.window });
      if (r.when !== "feature") { rule.word = r.word; if (r.frame !== "") rule.frame = +r.frame; }
      if (r.act === "stop" || r.act === "log") rule.do[r.act] = true; else rule.do[r.act] = r.act === "steer" ? this.target(r.steer) : r[r.act];
      if (r.act === "steer") rule.do.strength = r.strength;
      return rule;
    });
  }
  async checked() {
    if (!this.rules.length) return;
    const rules = this.rules, found = await post("rules", { prompt: this.prompt.value, rules: this.settings(), length: +this.length.value }).catch(e => e instanceof Replaced ? null : { verdicts: rules.map(() => ({ verdict: "wrong", reason: e.message })) });
    if (!found || rules.length !== this.rules.length) return;
    found.verdicts.forEach((v, i) => { const r = rules[i]; r.box.dataset.verdict = v.verdict; r.said.textContent = `${SAID[v.verdict]}${v.reason ? `: ${v.reason}` : ""}`; r.said.dataset.verdict = v.verdict; });
  }
  // ---- writing
  stop() { this.abort?.abort(); post("cancel", { panel: "listen" }).catch(() => {}); }
  async write() {
    this.asked = true;
    if (!this.rules.length) { this.out.replaceChildren(h("p", { class: "bad", role: "alert" }, "Add a rule first.")); return; }
    this.abort?.abort();
    const abort = this.abort = new AbortController(), body = { prompt: this.prompt.value, rules: this.settings(), length: +this.length.value, sequences: +this.many.value, seed: +this.seed.value, temperature: +this.temperature.value };
    delete this.host.dataset.done;
    await this.studio.during(this.out, async () => {
      for await (const e of stream("listen", body, abort.signal)) {
        if (abort !== this.abort) throw new Replaced("");
        if (e.rules) this.begin(e);
        else if (e.b) { e.b.forEach((b, i) => { this.texts[i] += b; }); for (const [row, rule] of e.began) this.fired[row].set(e.t, rule); this.soon(); }
        else if (e.levels) { e.levels.forEach((one, i) => one.forEach((t, k) => this.levels[i][k].push(...unpack(t)))); e.holds.forEach((one, i) => one.forEach((t, k) => this.holds[i][k].push(...unpack(t)))); this.soon(); }
        else if (e.done) { this.events = e.events; this.finish(e); }
      }
    }, "writing");
  }
  begin(e) {
    const n = e.sequences, k = e.rules.length; this.names = e.rules.map(r => r.name); this.thresholds = e.rules.map(r => r.threshold ?? 1); this.words = e.rules.map(r => !r.watch); this.events = [];
    this.texts = Array(n).fill(""); this.fired = this.texts.map(() => new Map()); this.levels = this.texts.map(() => e.rules.map(() => [])); this.holds = this.texts.map(() => e.rules.map(() => []));
    this.panes = this.texts.map(() => h("div", { class: "seq" })); this.sparks = this.texts.map(() => h("div", {})); this.heads = this.texts.map(() => h("span", { class: "small" })); this.table = h("div", {});
    this.out.replaceChildren(...this.texts.map((_, i) => h("section", { class: "arm" }, h("header", {}, h("b", {}, `sequence ${i + 1}`), this.heads[i]), this.panes[i], this.sparks[i])), this.table);
    this.out.prepend(h("p", { class: "small" }, "A frame around a base marks where a rule fired; ", ...Array.from({ length: k }, (_, r) => h("span", {}, h("i", { class: "swatch", style: { background: tone(r) } }), ` ${this.names[r]} `))));
  }
  soon() { if (this.drawing) return; this.drawing = true; requestAnimationFrame(() => { this.drawing = false; this.draw(); }); }
  draw() {
    this.panes.forEach((pane, i) => {
      const text = this.texts[i], from = Number(pane.dataset.n || 0);
      for (let t = from; t < text.length;) {
        const rule = this.fired[i].get(t); let j = t + 1;
        if (rule === undefined) while (j < text.length && text[j] === text[t] && !this.fired[i].has(j)) j++;
        pane.append(rule === undefined ? h("span", { class: `b${text[t]}` }, text.slice(t, j)) : h("mark", { class: `b${text[t]} fired`, title: `${this.names[rule]}, base ${t + 1}`, style: { outlineColor: tone(rule) } }, text[t])); t = j;
      }
      pane.dataset.n = text.length; this.heads[i].textContent = `${number(text.length)} bases \u00b7 fired ${this.fired[i].size}`;
      this.sparks[i].replaceChildren(...this.names.map((name, k) => this.spark(i, k, name)));
    });
  }
  spark(i, k, name) {
    const wide = 640, tall = 40, n = +this.length.value, v = this.levels[i][k], top = Math.max(this.thresholds[k] * 1.2, ...v.filter(Number.isFinite)), x = t => t / n * wide, y = u => tall - Math.min(1, u / top) * (tall - 3);
    let held = ""; this.holds[i][k].forEach((on, t) => { if (on) held += `M${x(t).toFixed(1)},0h${Math.max(1, wide / n).toFixed(2)}v${tall}h-${Math.max(1, wide / n).toFixed(2)}z`; });
    return h("div", {}, h("p", { class: "small" }, `${name}: ${this.words[k] ? "1 where a word ends in frame" : "level (units)"}, dashed its threshold ${digits(this.thresholds[k])}, shaded where it holds`), s("svg", { viewBox: `0 0 ${wide} ${tall}`, width: "100%", height: 40, preserveAspectRatio: "none", role: "img", "aria-label": `level of ${name} along sequence ${i + 1}` },
      held ? s("path", { d: held, fill: "#fdebd8" }) : null, s("path", { d: v.map((u, t) => Number.isFinite(u) ? `${t ? "L" : "M"}${x(t).toFixed(1)},${y(u).toFixed(1)}` : "").join(""), fill: "none", stroke: tone(k), "stroke-width": 1.4, "vector-effect": "non-scaling-stroke" }), s("path", { d: `M0,${y(this.thresholds[k])}H${wide}`, stroke: "#44484d", "stroke-width": 1, "stroke-dasharray": "4 3", "vector-effect": "non-scaling-stroke" })));
  }
  finish(e) {
    this.draw();
    this.table.replaceChildren(h("h3", {}, "What fired"), e.events.length ? table("events", ["Rule", "Sequence", "Base", "Level (units)", "Then"], e.events.map(x => [x.rule, x.sequence + 1, number(x.position + 1), digits(x.level), x.action])) : h("p", { class: "empty" }, "No rule fired. Its level is drawn above: lower the threshold, or write more."));
    this.host.dataset.done = e.digest;
  }
  fasta() { if (this.texts) download("listened.fa", this.texts.map((t, i) => t ? `>written_${i} seed=${this.seed.value}\n${t.replace(/(.{70})/g, "$1\n")}\n` : "").join(""), "text/plain"); }
  tsv() { if (this.events) download("events.tsv", ["rule\tsequence\tposition\tlevel\taction", ...this.events.map(x => [x.rule, x.sequence, x.position + 1, x.level, x.action].join("\t"))].join("\n") + "\n", "text/plain"); }
  svg() { const all = this.sparks ? this.sparks.flatMap(d => [...d.querySelectorAll("svg")]) : []; if (all.length) download("levels.svg", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 ${44 * all.length}">${all.map((one, i) => `<g transform="translate(0,${44 * i})">${[...one.children].map(c => new XMLSerializer().serializeToString(c)).join("")}</g>`).join("")}</svg>\n`, "image/svg+xml"); }
}
