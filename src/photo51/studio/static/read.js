// Read: paste or go somewhere; both strands, bits a base, genes, frames and the strongest features.
import { post, file, unpack } from "./api.js";
import { h, number, digits, percent, minus, grade, bar, download } from "./dom.js";
import { SequenceView, dense } from "./view.js";

const SHOWN = 6;
export class ReadPanel {
  constructor(host, studio) {
    this.host = host; this.studio = studio;
    this.text = h("textarea", { id: "paste", rows: "2", spellcheck: "false", "aria-label": "Bases or FASTA to read", placeholder: "Paste bases or FASTA, or drop a file here" });
    const read = h("button", { type: "button", class: "first", id: "read", onclick: () => this.paste(this.text.value) }, "Read");
    this.text.addEventListener("keydown", e => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); this.paste(this.text.value); } });
    for (const kind of ["dragover", "drop"]) host.addEventListener(kind, e => { e.preventDefault(); if (kind === "drop") this.dropped(e.dataTransfer); });
    const chips = studio.state.examples.map(x => h("button", { type: "button", class: "link", onclick: () => this.example(x) }, x.label));
    host.append(this.text, h("div", { class: "row", style: { marginTop: ".5rem" } }, read, chips.length ? h("span", { class: "small" }, studio.state.run ? "or go to " : "or try ", chips.flatMap((c, i) => [i ? " \u00b7 " : "", c])) : null, h("span", { class: "grow" }), this.away = h("span", { class: "row", hidden: true })));
    this.body = h("div", {}); host.append(this.body);
    this.body.append(h("p", { class: "empty", style: { marginTop: "1.6rem" } }, `Up to ${number(studio.state.most_bases)} bases are read at once, on both strands. Click a base to see what made the model expect it; click a feature\u2019s name for its page. `, h("kbd", {}, "/"), " searches."));
  }
  async example(x) {
    if (x.bases) { this.paste(x.bases); return; }
    const q = document.getElementById("q"); q.value = x.query;
    document.getElementById("search").requestSubmit();
  }
  async dropped(data) {
    const f = data.files[0];
    if (!f) { this.paste(data.getData("text")); return; }
    if (f.size > 3e6) { this.studio.during(this.host, () => { throw new Error(`${f.name}: need at most 3 MB, got ${(f.size / 1e6).toFixed(1)} MB; \`photo51 run\` reads whole genomes`); }); return; }
    this.paste(await f.text());
  }
  paste(text) { return this.read({ text }); }
  place(p) { return this.read({ source: { genome: p.genome, chrom: p.chrom, start: p.start, end: p.end } }); }
  restore(state) { return this.read({ source: state.source }); }
  async read(body) {
    const found = await this.studio.during(this.host, () => post("read", body), "reading");
    if (!found) return null;
    found.bits = { "+": unpack(found.bits["+"]), "-": unpack(found.bits["-"]) };
    const columns = t => ({ at: unpack(t.at), value: unpack(t.value) });
    this.tracks = new Map(found.tracks.map(t => [t.feature, this.track(t, columns)]));
    this.reading = found;
    if (found.source.bases !== undefined) this.text.value = found.source.bases.length > 4000 ? "" : found.source.bases;
    this.draw();
    return found;
  }
  track(t, columns = c => ({ at: unpack(c.at), value: unpack(c.value) })) {
    const s = this.studio;
    return { feature: t.feature, name: s.name(t.feature) || "", grade: s.grade(t.feature), maximum: s.features.maximum[t.feature], "+": columns(t["+"]), "-": columns(t["-"]) };
  }
  draw() {
    const r = this.reading, s = this.studio;
    if (!this.view) {
      this.body.replaceChildren();
      this.head = h("div", {}); this.body.append(this.head);
      this.view = new SequenceView(this.body, {
        base: (i, strand) => s.inspector.base(this.reading, i, strand), feature: f => s.inspector.feature(f), name: f => s.name(f),
        hover: (start, end) => post("bases", { reading: this.reading.key, start, end }),
      });
      this.list = h("div", {}); this.body.append(this.list);
      this.away.hidden = false;
      const save = what => async () => { const f = await s.during(this.host, () => file(`export/${what}?reading=${this.reading.key}`), "writing"); if (f) download(f.name, f.text, "text/plain"); };
      this.away.append(h("span", { class: "small" }, "save"), h("button", { type: "button", onclick: save("bed") }, "BED"), h("button", { type: "button", title: "bits of both strands, a file each", onclick: async () => { await save("plus")(); await save("minus")(); } }, "bigWig"), h("button", { type: "button", onclick: save("tsv") }, "features"), h("button", { type: "button", onclick: save("bits") }, "bits"), h("button", { type: "button", onclick: () => download("photo51.svg", this.view.svg(), "image/svg+xml") }, "SVG"));
    }
    const p = r.place, what = p ? `${p.genome.replaceAll("_", " ")} ${p.chrom}:${number(p.start + 1)}\u2013${number(p.end)}${p.strand === "-" ? ", reverse strand" : ""}` : this.studio.state.run ? "nowhere in the genomes of the run" : "";
    this.head.replaceChildren(h("p", { class: "quiet", style: { margin: ".9rem 0 0" } }, h("b", {}, r.name), ` \u00b7 ${number(r.bases.length)} bases \u00b7 ${digits(r.mean_bits["+"])} bits per base forward, ${digits(r.mean_bits["-"])} in reverse (2 would be chance) \u00b7 ${r.source.chrom ? p.genome.replaceAll("_", " ") : p ? "it lies at " + what : what && "it is " + what}`));
    this.view.show(r);
    const first = [];
    for (const row of r.strongest) if (!first.includes(row.feature)) first.push(row.feature);
    const named = first.filter(f => s.grade(f)), rest = first.filter(f => !s.grade(f));
    for (const f of [...named.slice(0, SHOWN - 1), ...rest].slice(0, SHOWN)) this.view.add(this.tracks.get(f));
    this.features();
    document.documentElement.dataset.reading = r.key;
  }
  features() {
    const r = this.reading, s = this.studio, shown = new Set(this.view.tracks.map(t => t.feature));
    const rows = r.strongest.slice(0, this.every ? 40 : 12).map(x => {
      const on = shown.has(x.feature);
      return h("tr", {}, h("td", {}, h("button", { type: "button", class: "link", onclick: () => s.inspector.feature(x.feature) }, `f${x.feature}`)), h("td", {}, x.name || "\u2013"), h("td", {}, grade(x.grade)), h("td", {}, minus(x.strand)),
        h("td", {}, h("button", { type: "button", class: "link", onclick: () => { this.view.centre(x.position); s.inspector.base(r, x.position, x.strand); } }, number(this.view.coordinate(x.position)))), h("td", {}, bar(x.share), ` ${percent(x.share)}`), h("td", {}, number(x.active)),
        h("td", {}, h("button", { type: "button", "aria-pressed": String(on), onclick: () => { on ? this.view.drop(x.feature) : this.view.add(this.tracks.get(x.feature)); this.features(); } }, on ? "shown" : "show")));
    });
    this.list.replaceChildren(h("h3", {}, "Strongest features here"), h("p", { class: "small" }, "Activation at the strongest base as a share of the feature\u2019s maximum on the run\u2019s sequence."),
      h("div", { class: "table", role: "region", tabindex: "0", "aria-label": "Strongest features" }, h("table", { class: "list" }, h("thead", {}, h("tr", {}, ["Feature", "Name", "Evidence", "Strand", "Strongest at", "Strength", "Active bases", "Track"].map(t => h("th", { scope: "col" }, t)))), h("tbody", {}, rows))), r.strongest.length > 12 ? h("button", { type: "button", class: "plain", onclick: () => { this.every = !this.every; this.features(); } }, this.every ? "fewer" : `all ${r.strongest.length}`) : "");
  }
  async addFeature(f) {
    if (!this.reading) return;
    if (!this.tracks.has(f)) { const t = await this.studio.during(this.host, () => post("track", { reading: this.reading.key, feature: f })); if (!t) return; this.tracks.set(f, this.track(t)); }
    this.view.add(this.tracks.get(f)); this.features();
  }
}
export { dense };
