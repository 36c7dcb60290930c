// Elements without markup: text is text, whatever a sequence or a name holds.
export const h = (tag, attributes, ...kids) => fill(document.createElement(tag), attributes, kids);
export const s = (tag, attributes, ...kids) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, kids);
const fill = (e, attributes, kids) => {
  for (const [k, v] of Object.entries(attributes || {})) {
    if (v === false || v === null || v === undefined) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k === "style") Object.assign(e.style, v);
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...kids.flat().filter(kid => kid !== null && kid !== undefined && kid !== false));
  return e;
};
export const $ = id => document.getElementById(id);
export const number = v => v.toLocaleString("en");
export const digits = (v, n = 3) => v === null || v === undefined || Number.isNaN(v) ? "\u2013" : String(Number(v.toPrecision(n))).replace("-", "\u2212");
export const percent = v => v === null || v === undefined ? "\u2013" : `${Math.round(100 * v)}\u202f%`;
export const minus = strand => strand === "-" ? "\u2212" : strand;
export const grade = g => h("span", { class: `grade ${g || "none"}`, title: g ? `evidence for its name: ${g}` : "no name stands" }, g || "unnamed");
export const letters = text => { const out = h("span", { class: "seq" }); for (const b of text) out.append(h("span", { class: "b" + b }, b)); return out; };
export const debounce = (call, wait) => { let timer; return (...a) => { clearTimeout(timer); timer = setTimeout(() => call(...a), wait); }; };
export const bar = share => h("span", { class: "meter", title: percent(share) }, h("i", { style: { width: `${Math.max(2, Math.min(100, 100 * share))}%` } }));
// a bar from the middle: rightwards for what raises, leftwards and another colour for what lowers
export const diverging = share => {
  const w = Math.min(50, 50 * Math.abs(share));
  return h("span", { class: "meter diverge" }, h("i", { class: share < 0 ? "down" : "", style: { width: `${w}%`, left: `${share < 0 ? 50 - w : 50}%` } }));
};
export const table = (label, heads, rows) => h("div", { class: "table", role: "region", tabindex: "0", "aria-label": label },
  h("table", { class: "list", "aria-label": label }, h("thead", {}, h("tr", {}, heads.map(t => h("th", { scope: "col" }, t)))), h("tbody", {}, rows.map(cells => h("tr", {}, cells.map(c => h("td", {}, c)))))));
export const download = (name, text, type) => {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const a = h("a", { href: address, download: name });
  document.body.append(a); a.click(); a.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
};
