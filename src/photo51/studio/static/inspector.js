// Details at the side: a feature's page, or a base and why it was expected.
import { get } from "./api.js";
import { $, h, s, number, digits, percent, grade, table } from "./dom.js";
import { COLOURS } from "./theme.js";

export class Inspector {
  constructor(host, studio) { this.host = host; this.studio = studio; this.blank(); }
  blank() { this.host.replaceChildren(h("h2", {}, "Details"), h("p", { class: "quiet" }, "Click a base of the sequence to ask why the model expected it, or a feature\u2019s name to see its page.")); }
  open(...kids) { this.host.replaceChildren(...kids); if (matchMedia("(max-width: 60rem)").matches) this.host.scrollIntoView({ block: "start" }); }
  base(reading, i, strand) {
    if (this.why) { this.why(reading, i, strand); return; }
    this.open(h("h2", {}, `Base ${number(i + 1)}, ${reading.bases[i]}`));
  }
  async feature(f) {
    const d = await this.studio.during(this.host, () => get(`feature/${f}`), "looking up");
    if (d) this.card(f, d);
  }
  card(f, d) {
    const st = this.studio, read = st.panels.read?.panel;
    const actions = h("div", { class: "row card-actions" }, read?.reading ? h("button", { type: "button", onclick: () => read.addFeature(f) }, "Show along the sequence") : null,
      st.steerWith ? h("button", { type: "button", onclick: () => st.steerWith(`f${f}`) }, "Steer with it") : null, st.state.pages.atlas ? h("a", { class: "button", href: `run/${st.state.pages.atlas}#f${f}`, target: "_blank", rel: "noopener" }, "Open in the atlas") : null);
    this.open(h("h2", {}, `f${f} `, h("span", { style: { fontWeight: "400" } }, d.title)), h("div", { class: "row" }, grade(d.grade)), h("p", { class: `lede${d.words.length > 220 ? " long" : ""}` }, d.words), actions,
      d.facts.length ? h("dl", { class: "facts" }, d.facts.map(([k, v, hint]) => h("div", { title: hint || false }, h("dt", {}, k), h("dd", {}, v)))) : "",
      ...(d.logo ? [h("h3", {}, "Sequence logo of its top-activating windows"), logo(d.logo), h("p", { class: "small" }, d.logo.said)] : d.no_logo ? [h("p", { class: "small" }, d.no_logo)] : []),
      ...(d.windows?.length ? [h("h3", {}, "Top-activating windows"), h("div", { class: "windows", role: "region", tabindex: "0", "aria-label": "top-activating windows" }, h("table", {}, h("tbody", {}, d.windows.slice(0, 8).map((w, i) => h("tr", {}, h("td", {}, d.go?.[i] ? h("button", { type: "button", class: "link", onclick: () => st.show("read").place(d.go[i]) }, w.where) : w.where), h("td", {}, w.gene || "\u2013"), h("td", {}, shaded(w)))))))] : []),
      ...(d.concepts?.length ? [h("h3", {}, "Annotations it agrees with"), table("annotations", ["annotation", "F1", "null F1", "precision", "recall", "n"], d.concepts.map(c => [c.name, digits(c.f1, 2), digits(c.null, 2), digits(c.precision, 2), digits(c.recall, 2), number(c.n)]))] : []),
      ...(d.cause ? [h("h3", {}, "Does the model use it?"), h("p", { class: "small" }, d.cause)] : []),
      ...(d.checks?.length ? [h("h3", {}, "Is the name replicated?"), table("checks", ["check", "result", "detail"], d.checks)] : []));
  }
}
// runs of one level share a span; colours as in the atlas
const shaded = w => {
  const out = h("span", { class: "seq" }), from = Math.max(0, w.peak - 12), to = Math.min(w.seq.length, w.peak + 13);
  for (let i = from; i < to; i++) out.append(h("span", { class: `${w.level[i] === "0" ? "" : "a" + w.level[i]}${i === w.peak ? " p" : ""}` }, w.seq[i]));
  return out;
};
const logo = L => {
  const step = 11, tall = 60, left = 26, base = 66, n = L.h.length / 4, kids = [];
  for (const b of [0, 1, 2]) kids.push(s("text", { x: left - 6, y: base - tall * b / 2 + 3, "text-anchor": "end" }, b));
  kids.push(s("path", { d: `M${left},4V${base}H${left + n * step}`, fill: "none", stroke: "#868b90" }));
  for (let i = 0; i < n; i++) {
    let y = base;
    for (const [bits, b] of [0, 1, 2, 3].map(b => [L.h[4 * i + b] / 100, b]).sort((a, z) => a[0] - z[0])) {
      const high = bits * tall / 2;
      if (high < .6) continue;
      // a capital of 10 px is about 7.2 px tall and 7 px wide
      kids.push(s("text", { transform: `translate(${left + i * step + .6},${y.toFixed(1)}) scale(${((step - 1.2) / 7).toFixed(2)},${(high / 7.25).toFixed(3)})`, style: { font: "700 10px monospace", fill: COLOURS["ACGT"[b]] }, textLength: 7, lengthAdjust: "spacingAndGlyphs" }, "ACGT"[b]));
      y -= high;
    }
    if ((L.first + i) % 5 === 0) kids.push(s("text", { x: left + (i + .5) * step, y: base + 13, "text-anchor": "middle" }, String(L.first + i).replace("-", "\u2212")));
  }
  return h("div", { class: "heat" }, s("svg", { viewBox: `0 0 ${left + n * step + 4} ${base + 18}`, width: left + n * step + 4, height: base + 18, role: "img", "aria-label": `Sequence logo, consensus ${L.consensus || "none"}` }, kids));
};
export { logo, shaded, percent, $ };
