// Why a base: what was preferred there, which bases and features made it so, and what every change around it would do.
import { stream, unpack } from "./api.js";
import { h, s, number, digits, percent, minus, grade, diverging } from "./dom.js";
import { COLOURS } from "./theme.js";

const COMPLEMENT = { A: "T", C: "G", G: "C", T: "A" };
const letterAt = (r, i, strand) => strand === "+" ? r.bases[i] : COMPLEMENT[r.bases[i]] || r.bases[i];
export class Why {
  constructor(studio) { this.studio = studio; studio.inspector.why = (r, i, strand, base) => this.ask(r, i, strand, base); }
  async restore(state) {
    const read = this.studio.show("read");
    const found = await read.read({ source: state.source });
    if (found) { read.view.turn(state.strand); read.view.centre(state.at); await this.ask(found, state.at, state.strand, state.base); }
  }
  async ask(r, i, strand, base = null) {
    const st = this.studio, view = st.panels.read.panel.view, host = h("section", { class: "why", "aria-label": "Why this base" });
    view.caret = i; view.strand = strand; view.ways.forEach((b, k) => b.setAttribute("aria-pressed", String("+-"[k] === strand))); view.draw();
    const at = number(view.coordinate(i)), letter = letterAt(r, i, strand);
    host.append(h("h2", {}, `Why ${letter} at ${at}?`), h("p", { class: "quiet" }, `read ${strand === "+" ? "forward" : "in reverse"} \u00b7 ${digits(r.bits[strand][i])} bits of surprise`));
    st.inspector.open(host);
    const began = performance.now();
    await st.during(host, async () => {
      for await (const e of stream("why", { reading: r.key, at: i, strand, base })) e.done ? this.changes(host, r, e, view, strand, base) : e.values ? this.reasons(host, r, e, began) : this.preferred(host, e, r, base);
    }, "asking why");
    st.whyTook = performance.now() - began;
  }
  preferred(host, e, r, base) {
    const most = Object.entries(e.preferred).sort((a, b) => b[1] - a[1])[0][0];
    host.append(h("h3", {}, most === e.letter ? `${most} is what the model expects` : `The model would have preferred ${most}`), h("table", { class: "list" }, h("tbody", {}, Object.entries(e.preferred).map(([b, p]) => h("tr", {}, h("td", {}, h("b", { class: "b" + b, style: { fontFamily: "var(--mono)" } }, b), b === e.letter ? " is there" : ""), h("td", {}, h("span", { class: "meter", style: { width: "7rem" } }, h("i", { style: { width: `${100 * p}%`, background: COLOURS[b] } })), ` ${percent(p)}`),
      h("td", {}, h("button", { type: "button", class: "link", "aria-pressed": String(base === b), title: `explain the score of ${b} against the other bases`, onclick: () => this.ask(r, e.at, e.strand, base === b ? null : b) }, base === b ? "explained below" : `why ${b}?`)))))));
  }
  reasons(host, r, e, began) {
    const st = this.studio, read = st.panels.read.panel, view = read.view, values = unpack(e.values), u = e.summary;
    const top = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    view.explain({ values, top });
    host.dataset.completeness = u.completeness_error; st.reasonsTook = performance.now() - began;
    const what = e.base ? `the score of ${e.base} against the other bases` : "the log-likelihood of the base that is there";
    host.append(h("p", { class: "small" }, `${digits(u.target_nats)} nats: ${what}. Contributions add up to ${digits(u.explained_nats)} of ${digits(u.target_nats - u.baseline_nats)} nats beyond an empty baseline (${digits(100 * u.completeness_error, 2)}\u202f% off); the dictionary leaves ${percent(u.sae_error_share)} of them unexplained. ${Math.abs(e.outside) > .005 ? `Bases before this sequence give ${digits(e.outside, 2)} nats. ` : ""}The track \u201ccontribution\u201d shows them base by base.`));
    const most = Math.max(...e.features.map(f => Math.abs(f.contribution)), 1e-9);
    host.append(h("h3", {}, "Features that contributed most"), h("table", { class: "list" }, h("thead", {}, h("tr", {}, ["Feature", "", "Nats", "Most at"].map(t => h("th", { scope: "col" }, t)))), h("tbody", {}, e.features.slice(0, 10).map(f => h("tr", {},
      h("td", {}, h("button", { type: "button", class: "link", onclick: () => st.inspector.feature(f.feature) }, `f${f.feature}`), ` ${st.name(f.feature)} `), h("td", {}, diverging(f.contribution / most)), h("td", {}, digits(f.contribution, 2)),
      h("td", {}, f.at >= 0 && f.at < r.bases.length ? h("button", { type: "button", class: "link", onclick: () => { view.centre(f.at); } }, number(view.coordinate(f.at))) : "before"))))), h("p", { class: "small" }, "blue raises, orange lowers"));
    host.append(h("div", { class: "row", style: { marginTop: ".6rem" } }, h("button", { type: "button", onclick: () => { view.toLetters(); } }, "Look at letters"), h("button", { type: "button", onclick: () => { view.explain(null); } }, "Hide the track")));
  }
  changes(host, r, e, view, strand, base) {
    if (e.direct.blocks.length) {
      host.append(h("h3", {}, "Straight from base to base"), paths(e.direct, view), h("p", { class: "small" }, `Exact: what each block\u2019s mixing carries from each base straight to the score of ${base || letterAt(r, view.caret, view.strand)} against the mean of the others, ${digits(e.direct.score_nats, 2)} nats (blue raises, orange lowers; a base is heard with the two before it). The other ${digits(e.direct.embedding_nats + e.direct.mlp_nats + e.direct.bias_nats, 2)} nats are added at the last base by its embedding, the MLPs there and biases. What one block makes of another\u2019s signal is in the contributions above, not here.`));
      host.querySelector(".paths .heat").scrollLeft = 1e4;
    }
    if (e.mutagenesis.length) host.append(h("h3", {}, "Every substitution around it"), heat(e.mutagenesis, r, view, strand), h("p", { class: "small" }, "Saturation mutagenesis: what the model\u2019s number for this base would become with another nucleotide before it (nats; blue up, orange down; dots are the reference nucleotides)."));
    if (e.mutagenesis.length) host.querySelector(".heat").scrollLeft = 1e4; // the nearest bases come last
    host.dataset.done = "1";
  }
}
// −1 to 1 as a colour: orange lowers, blue raises
const tone = share => { const t = Math.min(1, Math.abs(share)), c = share > 0 ? [0, 114, 178] : [213, 94, 0]; return `rgb(${c.map(k => Math.round(247 + (k - 247) * t)).join(",")})`; };
const heat = (changes, r, view, strand) => {
  const positions = [...new Set(changes.map(c => c.position))].sort((a, b) => strand === "+" ? a - b : b - a), cell = 13, left = 16, top = Math.max(...changes.map(c => Math.abs(c.effect)), 1e-9), kids = [];
  "ACGT".split("").forEach((b, row) => kids.push(s("text", { x: 2, y: row * cell + 10, style: { font: "600 11px monospace", fill: COLOURS[b] } }, b)));
  positions.forEach((p, k) => {
    for (const c of changes) if (c.position === p) kids.push(s("rect", { x: left + k * cell, y: "ACGT".indexOf(c.alt) * cell, width: cell - 1, height: cell - 1, fill: tone(c.effect / top) }, s("title", {}, `${number(view.coordinate(p))} ${c.ref}>${c.alt}: ${digits(c.effect, 2)} nats`)));
    const ref = changes.find(c => c.position === p).ref;
    kids.push(s("circle", { cx: left + k * cell + 6, cy: "ACGT".indexOf(ref) * cell + 6, r: 1.8, fill: "#5f6368" }));
    if (k % 10 === 0) kids.push(s("text", { x: left + k * cell + 6, y: 4 * cell + 11, "text-anchor": k ? "middle" : "start" }, number(view.coordinate(p))));
  });
  return h("div", { class: "heat", tabindex: "0", role: "region", "aria-label": "saturation mutagenesis" }, s("svg", { width: left + positions.length * cell + 24, height: 4 * cell + 16, role: "img", "aria-label": `Effect of every substitution at ${positions.length} bases` }, kids));
};
const MIXING = { "short convolution": "short", "medium convolution": "medium", "long convolution": "long" };
const paths = (direct, view) => {
  const rows = direct.blocks.map(b => ({ ...b, values: unpack(b.values) })), cell = 7, tall = 14, first = 2 * cell + 6, height = rows.length * tall + 16;
  const top = rows.reduce((a, b) => Math.max(a, Math.abs(b.further), ...b.values.map(Math.abs)), 1e-9), kids = [];
  const cellOf = (x, y, width, v, what) => s("rect", { x, y, width, height: tall - 2, fill: tone(v / top) }, s("title", {}, `${what}: ${digits(v, 2)} nats`));
  rows.forEach((b, row) => {
    const y = row * tall, name = `block ${b.block}, ${b.mixing}`;
    kids.push(cellOf(0, y, 2 * cell, b.further, `${name}, all bases before these`));
    b.values.forEach((v, k) => kids.push(cellOf(first + k * cell, y, cell - 1, v, `${name}, from ${number(view.coordinate(direct.at[k]))}`)));
  });
  kids.push(s("text", { x: 0, y: height - 6 }, "all before"));
  direct.at.forEach((p, k) => { const left = direct.at.length - 1 - k; if (left % 20 === 0 && k > 16) kids.push(s("text", { x: first + k * cell + 3, y: height - 6, "text-anchor": left ? "middle" : "end" }, number(view.coordinate(p)))); });
  const names = rows.map((b, row) => s("text", { x: 0, y: row * tall + 10 }, `${b.block} ${MIXING[b.mixing] || b.mixing}`, s("tspan", { x: 100, "text-anchor": "end" }, digits(b.total, 2))));
  return h("div", { class: "paths" }, h("div", {}, s("svg", { width: 106, height, role: "img", "aria-label": "blocks, and what each brings in all (nats)" }, names)),
    h("div", { class: "heat", tabindex: "0", role: "region", "aria-label": "direct paths from base to base" }, s("svg", { width: first + direct.at.length * cell + 4, height, role: "img", "aria-label": `What ${rows.length} blocks carry from ${direct.at.length} bases` }, kids)));
};
export { minus, grade };
