// The search box: loci to go to, features to open, and what the run says of a word.
import { get, Replaced } from "./api.js";
import { $, h, debounce, percent, grade } from "./dom.js";

const FEATURE = /^f?(\d{1,6})$/i;
export const listenSearch = studio => {
  const box = $("q"), out = $("answers");
  const close = () => { out.hidden = true; box.setAttribute("aria-expanded", "false"); };
  const open = (...kids) => { out.replaceChildren(...kids); out.hidden = false; box.setAttribute("aria-expanded", "true"); };
  const go = place => { close(); box.blur(); studio.show("read").place(place); };
  const feature = number => { close(); box.blur(); studio.inspector.feature(number); };
  const answer = (left, right, act) => h("button", { type: "button", class: "answer", onclick: act }, left, right || "");
  let asked = 0;
  const look = async () => {
    const text = box.value.trim(), mine = ++asked;
    if (!text) { close(); return null; }
    const started = performance.now();
    const direct = FEATURE.exec(text);
    if (direct && +direct[1] < studio.features.name.length) { open(answer(studio.label(+direct[1]), h("span", {}, "feature"), () => feature(+direct[1]))); return null; }
    // names are here already; the server knows genes, loci, sequences and what the tables say
    const word = text.toLowerCase(), named = studio.features.name.map((n, f) => [n, f]).filter(([n]) => n && n.toLowerCase().includes(word)).slice(0, 8);
    let found;
    try { found = await get(`search?q=${encodeURIComponent(text)}`); } catch (e) {
      if (mine !== asked || e instanceof Replaced) return null;
      if (!named.length) { open(h("p", {}, e.message)); return null; }
      found = { go: [], rows: [], title: "", text: "" };
    }
    if (mine !== asked) return null;
    const kids = [], listed = new Set();
    for (const p of found.go) kids.push(answer(p.label, h("span", {}, "go there"), () => go(p)));
    for (const r of found.rows.slice(0, 25)) {
      if (typeof r.feature !== "number" || listed.has(r.feature)) continue;
      listed.add(r.feature);
      kids.push(answer(studio.label(r.feature), h("span", {}, r.share !== undefined && r.share !== null ? `${percent(r.share)} of its maximum ` : "", grade(studio.grade(r.feature))), () => feature(r.feature)));
    }
    for (const r of found.rows.slice(0, 8)) if (r.variant) kids.push(answer(`${r.variant} ${r.gene || ""} ${r.hgvs_p || r.consequence || ""}`, h("span", {}, "score"), () => { close(); studio.show("variants").ask(r.variant); }));
    for (const [, f] of named) if (!listed.has(f)) kids.push(answer(studio.label(f), grade(studio.grade(f)), () => feature(f)));
    open(...(found.title ? [h("p", {}, found.title)] : []), ...kids, ...(found.text && !kids.length ? [h("pre", {}, found.text)] : []), ...(!kids.length && !found.text ? [h("p", {}, "Nothing here to open.")] : []));
    studio.searched = performance.now() - started;
    return kids[0] || null;
  };
  box.addEventListener("input", debounce(look, 90));
  box.addEventListener("focus", () => { if (box.value.trim()) look(); });
  $("search").addEventListener("submit", async e => { e.preventDefault(); (await look() || out.querySelector(".answer"))?.click(); });
  const move = e => {
    const all = [box, ...out.querySelectorAll(".answer")], i = all.indexOf(document.activeElement);
    if (e.key === "Escape") { close(); box.focus(); } else if (e.key === "ArrowDown") all[Math.min(all.length - 1, i + 1)].focus(); else if (e.key === "ArrowUp") all[Math.max(0, i - 1)].focus(); else return;
    e.preventDefault();
  };
  $("search").addEventListener("keydown", move);
  document.addEventListener("pointerdown", e => { if (!$("search").contains(e.target)) close(); });
};
