// The data: an index that is always in memory, and dossiers that come in chunks when they are asked for.
// A chunk is gzip + base64 of JSON, inside this page or in a .js file beside it (a page opened from disk may load scripts,
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
    script.onerror = () => { CHUNKS.delete(name); fail(new Error("data/" + name + ".js is missing; keep the data folder beside this page")) };
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
  const contig = D.contigs.findIndex(c => c.name.toLowerCase() === found[1].toLowerCase() || c.name.toLowerCase().endsWith(" " + found[1].toLowerCase()));
  if (contig < 0) return null;
  const number = s => +s.replace(/,/g, ""), start = number(found[2]) - 1;
  return { contig, start, end: found[3] ? number(found[3]) : start + 1 };
};
// rows of the features most active in a stretch, strongest share of their own maximum first
const rows_at = ({ contig, start, end }) => {
  const best = new Map(), { bin, first } = D.loci, from = first[contig] + Math.floor(start / bin);
  const to = Math.min(first[contig] + Math.floor(Math.max(end - 1, start) / bin), first[contig + 1] - 1);
  for (let b = from; b <= to; b++) for (let k = D.loci.bounds[b]; k < D.loci.bounds[b + 1]; k++) {
    const row = D.loci.row[k];
    if ((best.get(row) || 0) < D.loci.share[k]) best.set(row, D.loci.share[k]);
  }
  return best;
};
const everything = () => Uint32Array.from({ length: N }, (_, row) => row);
const search = text => {
  const asked = text.trim();
  if (!asked) return { rows: everything(), said: "" };
  const exact = /^f?(\d+)$/i.exec(asked);
  if (exact) {
    const row = ROW_OF.get(+exact[1]);
    if (row !== undefined) return { rows: Uint32Array.of(row), said: "feature f" + exact[1] };
    const ids = Array.from(COL.id).sort((a, b) => Math.abs(a - exact[1]) - Math.abs(b - exact[1])).slice(0, 8);
    return { rows: Uint32Array.from(ids, id => ROW_OF.get(id)), said: "f" + exact[1] + " is not in this atlas (never active, or no such number); the nearest numbers are shown" };
  }
  const place = locus_of(asked);
  if (place) {
    const best = rows_at(place), rows = [...best.keys()].sort((a, b) => best.get(b) - best.get(a));
    return { rows: Uint32Array.from(rows), said: "most active at " + asked, ranked: true };
  }
  const gene = D.gene_at.get(asked.toLowerCase().replace(/^gene:/, ""));
  if (gene) {
    const best = new Map();
    for (const g of gene) for (const [row, share] of rows_at({ contig: D.genes.contig[g], start: D.genes.start[g], end: D.genes.end[g] })) if ((best.get(row) || 0) < share) best.set(row, share);
    return { rows: Uint32Array.from([...best.keys()].sort((a, b) => best.get(b) - best.get(a))), said: "most active in gene " + D.genes.name[gene[0]], ranked: true };
  }
  const motif = asked.replace(/^motif:/i, "").toUpperCase(), is_motif = /^motif:/i.test(asked) || (asked === motif && asked.length >= 4);
  if (is_motif && /^[ACGTURYSWKMBDHVN]+$/.test(motif)) {
    const codes = [bits(motif), turned(bits(motif))], rows = [];
    for (let row = 0; row < N; row++) if (COL.motif[row] && has_motif(COL.motif[row], codes)) rows.push(row);
    if (rows.length || /^motif:/i.test(asked)) return { rows: Uint32Array.from(rows), said: "motif " + motif + ", either strand" };
  }
  const words = asked.toLowerCase().replace(/\b(concept|gene):/g, "").split(/\s+/), rows = [];
  for (let row = 0; row < N; row++) { let hit = true; for (const w of words) if (!HAY[row].includes(w)) { hit = false; break } if (hit) rows.push(row) }
  return { rows: Uint32Array.from(rows), said: "" };
};
