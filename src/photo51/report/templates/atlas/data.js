// The data: an index that is always in memory, and feature pages that come in chunks when they are asked for.
// A chunk is gzip + base64 of JSON, inside this page or in a .js file next to it (a page opened from disk may load scripts,
// but not fetch files).
"use strict";
const $ = id => document.getElementById(id);
const unpack = async text => {
  const raw = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
};
const CHUNKS = new Map(), ARRIVED = new Map();
window.photo51_chunk = (name, text) => { ARRIVED.get(name)(text); ARRIVED.delete(name) };
const chunk = name => {
  if (!CHUNKS.has(name)) CHUNKS.set(name, new Promise((done, fail) => {
    const inside = $("chunk-" + name);
    if (inside) { done(inside.textContent.trim()); inside.remove(); return }
    ARRIVED.set(name, done);
    const script = document.createElement("script");
    script.src = "data/" + name + ".js";
    script.onerror = () => { CHUNKS.delete(name); fail(new Error("data/" + name + ".js is missing; keep the data folder next to this page")) };
    document.head.append(script);
  }).then(unpack));
  return CHUNKS.get(name);
};

let D, N, COL, NAMES, ROW_OF;            // index, number of features, columns, names of concepts, id -> row
const HAY = [];                           // what a word is looked for in, one string a feature
const dossier = async row => {
  const number = Math.floor(row / D.chunk);
  return (await chunk("d" + String(number).padStart(4, "0")))[row - number * D.chunk];
};
const open_index = async () => {
  D = await chunk("index"); COL = D.columns; NAMES = D.names; N = COL.id.length;
  ROW_OF = new Map(Array.from(COL.id, (id, row) => [id, row]));
  D.gene_at = new Map();
  D.genes.name.forEach((name, i) => { const key = name.toLowerCase(); if (!D.gene_at.has(key)) D.gene_at.set(key, []); D.gene_at.get(key).push(i) });
  for (let row = 0; row < N; row++) {
    const m = COL.manifold[row];
    HAY.push(["f" + COL.id[row], name_of(row), COL.genes[row], m >= 0 ? (D.manifolds[m].is_shape ? "manifold group " : "group ") + m + " " + D.manifolds[m].shape + " " + D.manifolds[m].meaning : ""].join(" ").toLowerCase());
  }
};
const name_of = row => COL.name[row] >= 0 ? NAMES[COL.name[row]].label : "";
const group_of = row => COL.name[row] >= 0 ? NAMES[COL.name[row]].group : -1;

// ---- search: feature number, locus, gene, motif, or words
const IUPAC = { A: 1, C: 2, G: 4, T: 8, U: 8, R: 5, Y: 10, S: 6, W: 9, K: 12, M: 3, B: 14, D: 13, H: 11, V: 7, N: 15 };
const MATE = { 1: 8, 2: 4, 4: 2, 8: 1 };
const bits = motif => Array.from(motif, c => IUPAC[c]);
const turned = code => code.map(b => [1, 2, 4, 8].reduce((s, one) => s | (b & one ? MATE[one] : 0), 0)).reverse();
const has_motif = (text, codes) => {
  const here = bits(text);
  return codes.some(code => {
    for (let at = 0; at + code.length <= here.length; at++) {
      let k = 0;
      while (k < code.length && here[at + k] && (here[at + k] & code[k]) === here[at + k]) k++;
      if (k === code.length) return true;
    }
    return false;
  });
};
const locus_of = text => {
  const found = /^([^\s]+?)[:\s]\s*([\d,]+)(?:\s*(?:-|\.\.|–)\s*([\d,]+))?$/.exec(text.trim());
  if (!found) return null;
  const asked = found[1].toLowerCase(), of_genome = D.contigs.filter(c => (c.genome || "").toLowerCase() === asked);
  let contig = D.contigs.findIndex(c => c.name.toLowerCase() === asked || c.name.toLowerCase().endsWith(" " + asked));
  if (contig < 0 && of_genome.length === 1) contig = D.contigs.indexOf(of_genome[0]);
  if (contig < 0) return null;
  const number = s => +s.replace(/,/g, ""), start = number(found[2]) - 1;
  return { contig, start, end: found[3] ? number(found[3]) : start + 1 };
};
// rows of the features most active in a segment, strongest share of their own maximum first
const rows_at = ({ contig, start, end }) => {
  const best = new Map(), { bin, first } = D.loci, from = first[contig] + Math.floor(start / bin);
  const to = Math.min(first[contig] + Math.floor(Math.max(end - 1, start) / bin), first[contig + 1] - 1);
  for (let b = from; b <= to; b++) for (let k = D.loci.bounds[b]; k < D.loci.bounds[b + 1]; k++) {
    const row = D.loci.row[k];
    if ((best.get(row) || 0) < D.loci.share[k]) best.set(row, D.loci.share[k]);
  }
  return best;
};
// bases of a segment that were read in this run
const read_of = ({ contig, start, end }) => {
  let n = 0;
  D.scored.contig.forEach((c, i) => { if (c === contig) n += Math.max(0, Math.min(end, D.scored.end[i]) - Math.max(start, D.scored.start[i])) });
  return n;
};
const said_read = places => {
  if (!D.scored.contig.length) return "";
  const total = places.reduce((s, p) => s + p.end - p.start, 0), n = places.reduce((s, p) => s + read_of(p), 0);
  return n === 0 ? "not read in this run: nothing is known of features there" : n < total ? `${n.toLocaleString("en")} of ${total.toLocaleString("en")} bases were read in this run` : "";
};
const at_places = (places, what) => {
  const best = new Map(), read = said_read(places);
  for (const p of places) for (const [row, share] of rows_at(p)) if ((best.get(row) || 0) < share) best.set(row, share);
  const rows = read.startsWith("not read") ? [] : [...best.keys()].sort((a, b) => best.get(b) - best.get(a));
  return { rows: Uint32Array.from(rows), said: (rows.length ? `most active, in bins of ${D.loci.bin} bases, ` : "") + what + (read ? " \u00b7 " + read : ""), ranked: true, none: read.startsWith("not read") ? `${what}: ${read}.` : "" };
};
// an exact sequence and its reverse complement in what was read
const found_sequence = letters => {
  const back = Array.from(letters, c => ({ A: "T", C: "G", G: "C", T: "A" })[c]).reverse().join(""), out = [];
  D.scored.bases.forEach((text, i) => {
    for (const [wanted, strand] of letters === back ? [[letters, "+"]] : [[letters, "+"], [back, "\u2212"]])
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1))
        out.push({ contig: D.scored.contig[i], start: D.scored.start[i] + at, end: D.scored.start[i] + at + letters.length, strand });
  });
  return out;
};
const place_text = p => `${D.contigs[p.contig].name}:${(p.start + 1).toLocaleString("en")}-${p.end.toLocaleString("en")}` + (p.strand ? ` (${p.strand})` : "");
const THREE = { a: "ala", r: "arg", n: "asn", d: "asp", c: "cys", q: "gln", e: "glu", g: "gly", h: "his", i: "ile", l: "leu", k: "lys", m: "met", f: "phe", p: "pro", s: "ser", t: "thr", w: "trp", y: "tyr", v: "val", "*": "ter" };
const variant_words = asked => {
  const protein = /^(\S+)[\s:]+(?:p\.)?([a-z*]|[a-z]{3})(\d+)([a-z*=]|[a-z]{3})$/i.exec(asked);
  if (/[mg]\.\d+[acgt]+>[acgt]+$/i.test(asked)) return [asked.toLowerCase().replace(/^\S+:(?=[mg]\.)/, "")];
  if (!protein) return null;
  const three = r => THREE[r.toLowerCase()] || r.toLowerCase();
  return [protein[1].toLowerCase(), "p." + three(protein[2]) + protein[3] + three(protein[4])];
};
const search_variant = asked => {
  const wanted = variant_words(asked);
  if (!wanted) return null;
  const V = D.variants, hits = V.text.flatMap((t, i) => wanted.every(w => t.split(" ").includes(w)) ? [i] : []);
  if (!hits.length) return wanted.length === 1 ? { rows: Uint32Array.of(), said: asked + " is not among the variants of this run", none: asked + " is not among the variants of this run." } : null;
  const told = hits.slice(0, 3).map(i => `${V.label[i]} (${V.set[i]}): log-likelihood ratio ${fixed(V.llr[i], 2)} nats${V.card[i] ? ", evidence card in biomarkers/" + V.set[i] + "/cards" : ""}`).join("; ") + (hits.length > 3 ? ` and ${hits.length - 3} more` : "");
  const found = at_places(hits.map(i => ({ contig: V.contig[i], start: V.pos[i], end: V.pos[i] + 1 })), "around it");
  return { ...found, said: told + " \u00b7 " + found.said };
};
const everything = () => Uint32Array.from({ length: N }, (_, row) => row);
const search = text => {
  const asked = text.trim();
  if (!asked) return { rows: everything(), said: "" };
  const exact = /^(?:feature\s+|f)?(\d+)$/i.exec(asked);
  if (exact) {
    const row = ROW_OF.get(+exact[1]);
    if (row !== undefined) return { rows: Uint32Array.of(row), said: "feature f" + exact[1] };
    const ids = Array.from(COL.id).sort((a, b) => Math.abs(a - exact[1]) - Math.abs(b - exact[1])).slice(0, 8);
    return { rows: Uint32Array.from(ids, id => ROW_OF.get(id)), said: "f" + exact[1] + " is not in this atlas (never active, or no such number); the nearest numbers are shown" };
  }
  const variant = search_variant(asked);
  if (variant) return variant;
  const place = locus_of(asked);
  if (place) return at_places([place], "at " + asked);
  const gene = D.gene_at.get(asked.toLowerCase().replace(/^gene:/, ""));
  if (gene) return at_places(gene.map(g => ({ contig: D.genes.contig[g], start: D.genes.start[g], end: D.genes.end[g] })), "in gene " + D.genes.name[gene[0]]);
  const letters = asked.replace(/\s/g, "").toUpperCase().replace(/U/g, "T");
  if (/^[ACGT]{12,}$/.test(letters) && D.scored.bases.length) {
    const hits = found_sequence(letters), told = hits.slice(0, 5).map(place_text).join(", ");
    return hits.length ? at_places(hits, `at ${told}${hits.length > 5 ? ` and ${hits.length - 5} more` : ""}`) : { rows: Uint32Array.of(), said: letters.length + " bases: nowhere in what was read, on either strand", none: "This sequence is nowhere in what was read, on either strand." };
  }
  const motif = asked.replace(/^motif:/i, "").toUpperCase(), is_motif = /^motif:/i.test(asked) || (asked === motif && asked.length >= 4);
  if (is_motif && /^[ACGTURYSWKMBDHVN]+$/.test(motif)) {
    const codes = [bits(motif), turned(bits(motif))], rows = [];
    for (let row = 0; row < N; row++) if (COL.motif[row] && has_motif(COL.motif[row], codes)) rows.push(row);
    if (rows.length || /^motif:/i.test(asked)) return { rows: Uint32Array.from(rows), said: "motif " + motif + ", either strand" };
  }
  const words = asked.toLowerCase().replace(/\b(concept|gene):/g, "").split(/\s+/), grade = new Map();
  D.evidence.label.forEach((text, i) => { if (words.every(w => text.includes(w))) grade.set(D.evidence.row[i], Math.max(D.evidence.grade[i], grade.get(D.evidence.row[i]) || 0)) });
  for (let row = 0; row < N; row++) if (!grade.has(row) && words.every(w => HAY[row].includes(w))) grade.set(row, 0);
  const rows = [...grade.keys()].sort((a, b) => grade.get(b) - grade.get(a) || (COL.score[b] || 0) - (COL.score[a] || 0) || a - b);
  const strong = rows.filter(r => grade.get(r) > 1).length, weak = rows.filter(r => grade.get(r) === 1).length;
  const linked = rows.filter(r => grade.get(r) > 0 && grade.get(r) < 1).length, beyond = rows.filter(r => grade.get(r) > .5 && grade.get(r) < 1).length;
  return { rows: Uint32Array.from(rows), said: strong + weak ? `${strong} with a name, ${weak} with weak evidence, best first` : linked ? `no feature is named after it or close to it; ${linked} ${linked === 1 ? "is" : "are"} associated with it (q \u2264 0.05), ${beyond} beyond composition` : rows.length ? "" : "no feature of this run is named after it, close to it or associated with it", ranked: strong + weak + linked > 0 };
};
