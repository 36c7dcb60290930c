// The page of one feature or one manifold, from its record.
const h = (tag, attributes, ...kids) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) k === "html" ? e.innerHTML = v : v !== false && v !== null && e.setAttribute(k, v === true ? "" : v);
  e.append(...kids.filter(k => k !== null && k !== undefined));
  return e;
};
const link = (row, text) => h("a", { href: "#f" + COL.id[row] }, text || `f${COL.id[row]}${name_of(row) ? " " + name_of(row) : ""}`);
const grid = (caption, heads, rows, note) => h("div", {}, h("p", { class: "caption" }, caption, note ? h("small", {}, note) : null), h("div", { class: "table", role: "region", tabindex: "0", "aria-label": caption },
  h("table", { "aria-label": caption },
    h("thead", {}, h("tr", {}, ...heads.map(([t, hint, number]) => h("th", { scope: "col", class: number ? "num" : false, title: hint || false }, t)))),
    h("tbody", {}, ...rows.map(cells => h("tr", {}, ...cells.map((c, i) => h(i ? "td" : "th", { class: heads[i][2] ? "num" : false, scope: i ? false : "row" }, c))))))));
const svg = (wide, tall, label, inner) => h("div", { class: "plot", html: `<svg viewBox="0 0 ${wide} ${tall}" width="${wide}" height="${tall}" role="img" aria-label="${escape_text(label)}">${inner}</svg>` });

// ---- logo: heights in hundredths of a bit, A C G T a position
const logo = L => {
  const step = 11, tall = 72, left = 30, base = 78, n = L.h.length / 4, out = [];
  for (const b of [0, 1, 2]) out.push(`<path d="M${left - 4},${base - tall * b / 2}h4" stroke="#5f6368"/><text x="${left - 6}" y="${base - tall * b / 2 + 3}" text-anchor="end">${b}</text>`);
  out.push(`<text transform="translate(8,${base - tall / 2}) rotate(-90)" text-anchor="middle">bits</text><path d="M${left},6V${base}H${left + n * step + 2}" fill="none" stroke="#5f6368"/>`);
  for (let i = 0; i < n; i++) {
    let y = base;
    [0, 1, 2, 3].map(b => [L.h[4 * i + b] / 100, b]).sort((a, b) => a[0] - b[0]).forEach(([bit, b]) => {
      const high = bit * tall / 2;
      if (high < .4) return;
      y -= high;
      out.push(`<use href="#base-${"ACGT"[b]}" transform="translate(${left + i * step + .5},${y.toFixed(1)}) scale(${step - 1},${high.toFixed(1)})"/>`);
    });
    const at = L.first + i;
    if (at % 5 === 0) out.push(`<path d="M${left + (i + .5) * step},${base}v4" stroke="#5f6368"/><text x="${left + (i + .5) * step}" y="${base + 14}" text-anchor="middle"${at ? "" : ' style="font-weight:700;fill:#1b1b1f"'}>${at > 0 ? "+" : ""}${String(at).replace("-", "\u2212")}</text>`);
  }
  const s = svg(left + n * step + 6, base + 24, "Sequence logo of the strongest windows; consensus " + (L.consensus || "none"), out.join(""));
  s.firstChild.setAttribute("class", "logo");
  return s;
};

// ---- a segment of genome: both strands' activation and the genes
const colour_of = kind => D.colours[kind] || "#5f6368";
const track = T => {
  const wide = 640, mid = 52, n = T.plus.length, w = wide / n, out = [];
  for (const [start, end] of T.unread || []) {
    const x0 = (start - T.start) / (T.end - T.start) * wide, span = (end - start) / (T.end - T.start) * wide;
    out.push(`<rect x="${x0.toFixed(1)}" y="2" width="${span.toFixed(1)}" height="102" fill="#eceef0"><title>not read in this run</title></rect>`);
    if (span > 80) out.push(`<text x="${(x0 + span / 2).toFixed(1)}" y="98" text-anchor="middle">not read</text>`);
  }
  const bars = (digits, up, tone) => { for (let i = 0; i < n; i++) { const v = +digits[i]; if (v) out.push(`<rect x="${(i * w).toFixed(1)}" y="${(up ? mid - v * 4.4 : mid).toFixed(1)}" width="${Math.max(w - .15, .8).toFixed(1)}" height="${(v * 4.4).toFixed(1)}" fill="${tone}"/>`) } };
  bars(T.plus, true, colour_of("+")); bars(T.minus, false, colour_of("-"));
  out.push(`<path d="M0,${mid}H${wide}" stroke="#868b90" stroke-width=".7"/><text x="2" y="11">+</text><text x="2" y="${mid + 46}">\u2212</text>`);
  const lane = 112, x = base => (base - T.start) / (T.end - T.start) * wide;
  out.push(`<path d="M0,${lane + 6}H${wide}" stroke="#d5d8dc"/>`);
  for (const [start, end, strand, name, kind] of T.genes) {
    const a = Math.max(0, x(start)), b = Math.min(wide, x(end)), tip = Math.min(7, (b - a) / 2);
    const shape = strand === "+" ? `M${a},${lane}H${b - tip}L${b},${lane + 6}L${b - tip},${lane + 12}H${a}Z` : strand === "-" ? `M${b},${lane}H${a + tip}L${a},${lane + 6}L${a + tip},${lane + 12}H${b}Z` : `M${a},${lane}H${b}V${lane + 12}H${a}Z`;
    out.push(`<path d="${shape}" fill="${colour_of(kind)}"><title>${escape_text(`${name || kind} (${kind}, ${strand})`)}</title></path>`);
    if (b - a > 6.2 * name.length) out.push(`<text x="${(a + b) / 2}" y="${lane + 24}" text-anchor="middle">${escape_text(name)}</text>`);
  }
  const number = v => v.toLocaleString("en");
  out.push(`<text x="0" y="${lane + 40}">${number(T.start + 1)}</text><text x="${wide}" y="${lane + 40}" text-anchor="end">${number(T.end)}</text>`);
  return h("figure", {}, svg(wide, lane + 44, `Activation of the feature on both strands over ${T.where}, with the annotated genes`, out.join("")),
    h("figcaption", {}, h("b", {}, T.where), ` \u00b7 upward: read forward; downward: read in reverse; ${number(T.end - T.start)} bases, highest of each bar's bases, full height ${T.peak}. `,
      T.page ? h("a", { href: T.page }, "Open in the genome page") : null));
};

// ---- windows: runs of one level share a span
const paint = (seq, levels, peak) => {
  const out = h("span", { class: "seq" });
  for (let i = 0; i < seq.length;) {
    let j = i + 1;
    while (j < seq.length && levels[j] === levels[i] && i !== peak && j !== peak) j++;
    const text = seq.slice(i, j);
    out.append(levels[i] === "0" && i !== peak ? text : h("span", { class: (levels[i] === "0" ? "" : "a" + levels[i]) + (i === peak ? " p" : "") }, text));
    i = j;
  }
  return out;
};
const windows = W => h("div", { class: "windows take", role: "region", tabindex: "0", "aria-label": "strongest windows" },
  h("table", { "aria-label": "strongest windows" }, h("thead", {}, h("tr", {}, ...["Locus (strand)", "Gene, sense or antisense", "Strength", "Bases in reading direction, the strongest underlined"].map(t => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...W.map(w => h("tr", {}, h("td", {}, w.page ? h("a", { href: w.page }, w.where) : w.where), h("td", {}, w.gene || "\u2013"), h("td", { class: "num" }, known(w.act) ? Math.round(100 * w.act) + "\u202f%" : "\u2013"), h("td", {}, paint(w.seq, w.level, w.peak)))))));

const histogram = H => {
  const wide = 300, tall = 92, top = Math.max(...H.counts, 1), w = wide / H.counts.length, log = v => Math.log10(v + 1) / Math.log10(top + 1), out = [];
  H.counts.forEach((v, i) => v && out.push(`<rect x="${(i * w + .5).toFixed(1)}" y="${(tall - log(v) * (tall - 8)).toFixed(1)}" width="${(w - 1).toFixed(1)}" height="${(log(v) * (tall - 8)).toFixed(1)}" fill="${colour_of("feature")}"/>`));
  out.push(`<path d="M0,${tall}H${wide}" stroke="#5f6368"/><text x="0" y="${tall + 13}">0</text><text x="${wide}" y="${tall + 13}" text-anchor="end">${H.high}</text><text x="${wide / 2}" y="${tall + 13}" text-anchor="middle">activation</text><text x="${wide}" y="9" text-anchor="end">up to ${top.toLocaleString("en")} bases a bar (log)</text>`);
  return h("figure", {}, svg(wide, tall + 18, "How many bases have which activation, where the feature is active", out.join("")));
};
const profile = P => {
  const wide = 300, tall = 92, n = P.mean.length, top = Math.max(...P.mean, ...P.null, 1e-9), x = i => (i / (n - 1) * wide).toFixed(1), y = v => (tall - v / top * (tall - 10)).toFixed(1);
  const line = (values, style) => `<path d="M${values.map((v, i) => x(i) + "," + y(v)).join("L")}" fill="none" ${style}/>`, zero = x((0 - P.first) / P.step);
  const out = [`<path d="M${zero},4V${tall}" stroke="#5f6368" stroke-dasharray="2 2"/>`, line(P.null, 'stroke="#868b90" stroke-width="1.5" stroke-dasharray="4 3"'), line(P.mean, `stroke="${colour_of("feature")}" stroke-width="2"`),
    `<path d="M0,${tall}H${wide}" stroke="#5f6368"/><text x="0" y="${tall + 13}">${String(P.first).replace("-", "\u2212")}</text><text x="${wide}" y="${tall + 13}" text-anchor="end">+${P.first + P.step * (n - 1)}</text><text x="${zero}" y="${tall + 13}" text-anchor="middle">${escape_text(P.kind)}</text>`];
  return h("figure", {}, svg(wide, tall + 18, `Mean activation around ${P.kind}, with the mean over all scored bases for comparison`, out.join("")), h("figcaption", {}, `Mean activation around ${P.n.toLocaleString("en")} sites, in reading direction; dashed: mean over all scored bases.`));
};

const show_dossier = (d, row) => {
  const m = COL.manifold[row], pane = $("dossier");
  const facts = h("dl", { class: "facts" }, ...d.facts.map(([k, v, hint]) => h("div", { title: hint || false }, h("dt", {}, k), h("dd", {}, v))));
  pane.replaceChildren(...[
    h("p", { class: "crumb" }, h("a", { href: "#rows", class: "back" }, "Back to the list"), h("a", { href: "../report.html" }, "Report")),
    h("h2", { id: "dossier-title" }, `f${COL.id[row]} `, h("span", {}, d.title)),
    h("p", { class: "lede" }, d.words), facts,
    d.logo ? h("section", {}, h("h3", {}, "Sequence logo of its strongest loci"), logo(d.logo), h("p", { class: "small" }, d.logo.said)) : h("p", { class: "small" }, d.no_logo || ""),
    h("h3", {}, "Loci where it is strongest"), windows(d.windows), ...d.tracks.map(track),
    h("h3", {}, "Agreement with annotations, and baselines"),
    d.concepts.length ? grid("Annotations it agrees with", [["Annotation"], ["F1", "held-out domain F1", 1], ["null F1", "95 of 100 circularly shifted copies do not exceed it", 1], ["always-on F1", "a feature that is active everywhere", 1], ["precision", "share of its active bases inside, at the threshold chosen elsewhere", 1], ["recall, bases", "share of the bases of the class that are active", 1], ["recall, intervals", "share of intervals with an active base", 1], ["MCC", "Matthews correlation, base by base", 1], ["n", "intervals held out", 1], ["q", "rotation null", 1], ["q, composition", "after removing GC and six-letter words", 1], ["beats k-mers"]],
      d.concepts.map(c => [c.name, fixed(c.f1, 2), fixed(c.null, 2), fixed(c.always, 2), fixed(c.precision, 2), fixed(c.recall_bases, 3), fixed(c.recall, 2), fixed(c.mcc, 2), c.n.toLocaleString("en"), tiny(c.q), tiny(c.qa), c.kmer]), "Measured on blocks of the genome that played no part in the choice of feature and threshold. A name needs F1 above its null and the always-on F1, F1 and MCC at the limits of the run, and both q small.") : h("p", {}, d.no_concepts),
    h("div", { class: "figures" }, d.histogram ? histogram(d.histogram) : null, ...d.profiles.map(profile)),
    h("h3", {}, "Does the model use it? Ablation and steering"), h("p", {}, d.cause),
    h("h3", {}, "Co-active feature group"), m >= 0 ? h("p", {}, h("a", { href: "#m" + m }, group_name(m)), D.manifolds[m].meaning ? ": " + D.manifolds[m].meaning : "") : h("p", {}, "None: it was not placed in any group of features."),
    d.like.length ? h("section", {}, h("h3", {}, "Features most like it"), h("p", {}, ...d.like.flatMap(([id, cosine], i) => ROW_OF.has(id) ? [i ? ", " : "", link(ROW_OF.get(id)), ` (${fixed(cosine, 2)})`] : []), h("span", { class: "small" }, " \u00b7 cosine between the directions they write in the model"))) : null,
    d.checks.length ? grid("Replication of its name", [["Check"], ["Result"], ["Detail"]], d.checks) : null,
  ].filter(Boolean));
  add_tools(pane);
};
const group_name = m => `group ${m}: ${D.manifolds[m].shape}`;
const open_manifold = index => {
  const m = D.manifolds[index];
  if (!m) return;
  history.replaceState(null, "", "#m" + index);
  const rows = m.features.filter(id => ROW_OF.has(id)).map(id => ROW_OF.get(id));
  $("dossier").replaceChildren(...[
    h("p", { class: "crumb" }, h("a", { href: "#rows", class: "back" }, "Back to the list"), h("a", { href: "../report.html#shapes" }, "Report")),
    h("h2", { id: "dossier-title" }, `Group ${index} `, h("span", {}, m.shape)), h("p", { class: "lede" }, m.words),
    m.points.x.length ? h("figure", {}, h("div", { class: "plot big", html: cloud(m, 520, 360, 2.4) }), h("figcaption", {}, m.alt, m.key ? h("span", { class: "keys" }, ...m.key.map(([label, share]) => h("span", { class: "key" }, h("i", { style: `background:${shade(m, share)}` }), label))) : null)) : null,
    h("dl", { class: "facts" }, ...m.facts.map(([k, v, hint]) => h("div", { title: hint || false }, h("dt", {}, k), h("dd", {}, v)))),
    h("h3", {}, `Its ${rows.length} features`), h("ul", { class: "flat" }, ...rows.map(r => h("li", {}, link(r)))),
  ].filter(Boolean));
  $("dossier").scrollTop = 0; add_tools($("dossier"));
  SHOWN = Uint32Array.from(rows); RANKED = false; sort(); draw_table(); draw_map();
  $("found").textContent = `the ${rows.length} features of group ${index}`;
};
