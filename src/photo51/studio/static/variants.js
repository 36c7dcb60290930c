// Variants: scores next to their baselines, both alleles aligned base by base, and the features that change.
import { stream } from "./api.js";
import { h, s, number, digits, minus, table, download } from "./dom.js";
import { COLOURS } from "./theme.js";

const SCORES = [["llr", "log-likelihood ratio, both strands", "nats; the more negative, the less likely the alternative allele is to the model"], ["llr_plus", "\u2026 read forward", "nats"], ["llr_minus", "\u2026 read in reverse", "nats"], ["llr_flank", "\u2026 of unchanged bases alone", "nats: effect of the change on the bases around it"],
  ["llr_markov", "baseline: Markov chain of this genome", "nats, order 5; needs no model"], ["severity", "baseline: severity of the consequence", "rank; needs no model"], ["delta_norm", "change of the activations", "length"], ["n_changed", "features changed nearby", "features"]];
export class VariantsPanel {
  constructor(host, studio) {
    this.host = host; this.studio = studio;
    this.text = h("input", { type: "text", id: "variant", size: 34, placeholder: "m.3243A>G, NC_000962.3:761155:C>T, katG S315T", "aria-label": "Variant" });
    this.text.addEventListener("keydown", e => { if (e.key === "Enter") { e.preventDefault(); this.ask(this.text.value); } });
    this.out = h("div", {});
    const box = (id, label) => h("textarea", { id, rows: 2, spellcheck: "false", placeholder: `${label}: bases or FASTA`, "aria-label": label });
    this.first = box("first", "one sequence"); this.second = box("second", "the other sequence");
    const pair = h("details", { id: "compare-two" }, h("summary", {}, "Compare two sequences of your own"), h("p", { class: "small" }, "Both are read from their first base on and aligned from end to end, up to 1,000 bases each."), this.first, this.second, h("div", { class: "row" }, h("button", { type: "button", class: "first", id: "compare", onclick: () => this.compare() }, "Compare")));
    host.append(h("div", { class: "row" }, this.text, h("button", { type: "button", class: "first", id: "score", onclick: () => this.ask(this.text.value) }, "Score")),
      h("p", { class: "small" }, "A nucleotide change, a position with two alleles, or a gene and an amino-acid change. The contig must be one of this run."), pair, this.out);
  }
  shown() { const last = this.studio.state.latest.variants; if (last && !this.asked) this.restore(last); }
  restore(state) { return this.ask(state.text); }
  async compare(first = this.first.value, second = this.second.value) {
    this.asked = true; this.first.value = first; this.second.value = second; delete this.host.dataset.done;
    await this.studio.during(this.host, async () => { for await (const e of stream("compare", { first, second })) this.pair(e); }, "comparing");
  }
  pair(e) {
    const found = { ...e, variants: e.names };
    this.out.replaceChildren(h("h2", {}, `${e.names[0]} and ${e.names[1]}`), h("p", { class: "quiet" }, `${number(e.differs)} of ${number(e.letters.ref.length)} columns differ`), ...this.aligned(found, "one", "the other"));
    this.host.dataset.done = "1";
  }
  aligned(e, one, two) {
    this.picture = picture(e, one, two);
    return [this.picture, h("p", { class: "small" }, `Upwards: bits per base read forward; downwards: in reverse; grey ${one}, blue ${two}. Below: the features whose activation differs most (share of their maximum), ${one} above, ${two} below the line.`),
      h("div", { class: "row" }, e.features.slice(0, 8).map(f => h("button", { type: "button", onclick: () => this.studio.inspector.feature(f.feature) }, this.studio.label(f.feature))), h("button", { type: "button", class: "plain", onclick: () => download("alleles.svg", new XMLSerializer().serializeToString(this.picture.firstChild), "image/svg+xml") }, "Save as SVG"))];
  }
  ask(text) {
    this.asked = true; this.text.value = text; delete this.host.dataset.done;
    return this.studio.during(this.host, async () => { for await (const e of stream("variants", { text })) e.done ? this.scores(e) : this.alleles(e); }, "scoring");
  }
  alleles(e) {
    const same = e.variants.length > 1 ? h("p", { class: "small" }, `${e.variants.length} nucleotide changes make the same amino-acid change; drawn is the first: ${e.variants.join(", ")}.`) : null;
    this.table = h("div", {}, h("p", { class: "quiet" }, "scoring against the baselines \u2026"));
    this.out.replaceChildren(...[h("h2", {}, e.variants[0]), h("p", { class: "quiet" }, `${e.genome.replaceAll("_", " ")}`), same, h("h3", {}, "Both alleles, base by base"), ...this.aligned(e, "reference", "alternative"), this.table].filter(Boolean));
  }
  scores(e) {
    const st = this.studio;
    this.table.replaceChildren(h("h3", {}, "Scores next to their baselines"), table("scores", ["", ...e.scores.map(r => `${number(r.pos)} ${r.ref}>${r.alt}`), ""], [
      ["consequence", ...e.scores.map(r => `${r.consequence || "\u2013"} ${r.hgvs_p || ""}`), r0(e, "gene")],
      ...SCORES.filter(([k]) => e.scores.some(r => r[k] !== undefined && r[k] !== null)).map(([k, label, unit]) => [label, ...e.scores.map(r => digits(r[k])), h("span", { class: "small" }, unit)]),
      ["features that change", ...e.scores.map(r => h("span", {}, String(r.top_features || "").split(";").filter(Boolean).flatMap((t, i) => { const [f, v] = t.split(":"); return [i ? ", " : "", h("button", { type: "button", class: "link", onclick: () => st.inspector.feature(+f.slice(1)) }, st.label(+f.slice(1))), ` ${minus(v[0])}${v.slice(1)}`]; }))), h("span", { class: "small" }, "within 15 bases")]]),
      h("div", { class: "row" }, h("button", { type: "button", onclick: () => { const k = Object.keys(e.scores[0]); download("variant.tsv", [k.join("\t"), ...e.scores.map(r => k.map(c => r[c] ?? "").join("\t"))].join("\n") + "\n", "text/plain"); } }, "TSV")),
      e.known.length ? h("div", {}, h("h3", {}, "In this run"), table("known", ["set", "variant", "gene", "consequence", "label", "llr", "evidence card"], e.known.map(k => [k.set, k.variant, k.gene || "\u2013", k.consequence || "\u2013", k.label || "\u2013", digits(k.llr), k.card ? h("a", { href: `run/report.html`, target: "_blank", rel: "noopener" }, "in the report") : "none"]))) : h("p", { class: "small" }, "It is in none of the variant sets of this run."));
    this.host.dataset.done = "1";
  }
}
const r0 = (e, k) => h("span", { class: "small" }, e.scores[0][k] || "");
const picture = (e, one, two) => {
  const n = e.letters.ref.length, cell = 13, left = 92, kids = [], x = i => left + i * cell, high = 34, top = Math.max(3, ...["ref", "alt"].flatMap(a => ["+", "-"].flatMap(w => e.bits[a][w].filter(v => v !== null))));
  for (const i of [...Array(n).keys()]) if (e.letters.ref[i] !== e.letters.alt[i]) kids.push(s("rect", { x: x(i) - .5, y: 0, width: cell, height: 150 + 34 * Math.min(6, e.features.length), fill: "#fdebd8" }));
  const rows = { ref: 14, alt: 32 };
  for (const a of ["ref", "alt"]) {
    kids.push(s("text", { x: 2, y: rows[a] }, a === "ref" ? one : two));
    for (let i = 0; i < n; i++) kids.push(s("text", { x: x(i) + cell / 2, y: rows[a], "text-anchor": "middle", style: { font: "600 12px monospace", fill: COLOURS[e.letters[a][i]] || COLOURS.N } }, e.letters[a][i]));
  }
  const mid = 84;
  kids.push(s("text", { x: 2, y: mid + 3 }, "bits per base"), s("path", { d: `M${left},${mid}H${x(n)}`, stroke: "#868b90" }));
  for (const [a, tone, dx] of [["ref", "#9aa0a6", 1], ["alt", COLOURS["+"], cell / 2]]) for (const [w, up] of [["+", -1], ["-", 1]]) e.bits[a][w].forEach((v, i) => { if (v !== null) { const t = Math.min(1, v / top) * high; kids.push(s("rect", { x: x(i) + dx, y: up < 0 ? mid - t : mid, width: cell / 2 - 1.5, height: t, fill: tone })); } });
  for (let i = 0; i < n; i += 10) kids.push(s("text", { x: x(i) + cell / 2, y: 134, "text-anchor": i ? "middle" : "start" }, number(e.first + i + 1)));
  e.features.slice(0, 6).forEach((f, k) => {
    const y = 158 + 34 * k, most = Math.max(...["ref", "alt"].flatMap(a => ["+", "-"].flatMap(w => f[a][w])), 1e-9);
    kids.push(s("text", { x: 2, y: y + 3 }, `f${f.feature}`), s("path", { d: `M${left},${y}H${x(n)}`, stroke: "#d5d8dc" }));
    for (const [a, up, tone] of [["ref", -1, "#9aa0a6"], ["alt", 1, COLOURS["+"]]]) for (let i = 0; i < n; i++) { const t = 14 * Math.max(f[a]["+"][i], f[a]["-"][i]) / most; if (t > .3) kids.push(s("rect", { x: x(i) + 1, y: up < 0 ? y - t : y, width: cell - 2, height: t, fill: tone })); }
  });
  const tall = 150 + 34 * Math.min(6, e.features.length);
  return h("div", { class: "alleles", tabindex: "0", role: "region", "aria-label": "aligned alleles" }, s("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${x(n) + 6} ${tall}`, width: x(n) + 6, height: tall, role: "img", "aria-label": `${one} and ${two} of ${e.variants[0]} with bits per base and the features that change` }, kids));
};
