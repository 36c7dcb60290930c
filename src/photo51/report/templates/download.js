// A picture can be taken as SVG, a table as TSV, a paragraph as text, each where it stands.
const save_as = (name, text, kind) => {
  const link = document.createElement("a"), url = URL.createObjectURL(new Blob([text], { type: kind + ";charset=utf-8" }));
  link.href = url; link.download = name; document.body.append(link); link.click(); link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};
const file_name = text => (text || document.title).toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 60) || "photo51";
// with the letters of logos and the fonts and colours of the page inside, so that the file looks the same elsewhere
const svg_text = picture => {
  const copy = picture.cloneNode(true), box = picture.getBoundingClientRect(), theirs = picture.querySelectorAll("text"), ours = copy.querySelectorAll("text");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg"); copy.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink");
  copy.setAttribute("width", Math.round(box.width)); copy.setAttribute("height", Math.round(box.height)); copy.style.removeProperty("width");
  theirs.forEach((t, i) => { const s = getComputedStyle(t); ours[i].setAttribute("font-family", "Helvetica, Arial, sans-serif"); ours[i].style.fontFamily = "Helvetica, Arial, sans-serif"; ours[i].style.fontSize = s.fontSize; ours[i].style.fontWeight = s.fontWeight; ours[i].style.fill = s.fill });
  const used = new Set([...copy.querySelectorAll("use")].map(u => (u.getAttribute("href") || u.getAttribute("xlink:href") || "").slice(1)).filter(id => id && !copy.querySelector("#" + CSS.escape(id))));
  if (used.size) {
    const defs = document.createElementNS("http://www.w3.org/2000/svg", "defs");
    used.forEach(id => { const found = document.getElementById(id); if (found) defs.append(found.cloneNode(true)) });
    copy.prepend(defs);
  }
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = picture.getAttribute("aria-label") || ""; copy.prepend(title);
  return '<?xml version="1.0" encoding="UTF-8"?>\n' + new XMLSerializer().serializeToString(copy);
};
// a number as it was computed where the cell shows that number alone, else what the cell shows
const cell_text = cell => {
  const shown = cell.textContent.replace(/\s+/g, " ").trim(), value = cell.dataset.v;
  const alone = /^[<\u2264]?[+\u2212-]?[\d.,]+(\u00d710[\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+)?(%|kb|Mb|Gb|bases?)?$/.test(shown.replace(/[\s\u2009\u202f]/g, ""));
  return value !== undefined && value !== "" && alone ? value : shown === "\u2013" ? "" : shown.replace(/\u2212/g, "-");
};
const tsv_text = table => [...table.rows].filter(r => r.cells.length && !r.closest("[aria-hidden=true]")).map(r => [...r.cells].map(cell_text).join("\t")).join("\n") + "\n";
const tool = (label, hint, act) => {
  const b = document.createElement("button");
  b.type = "button"; b.textContent = label; b.title = hint; b.setAttribute("aria-label", hint); b.addEventListener("click", act);
  return b;
};
const tools_of = (...buttons) => { const p = document.createElement("p"); p.className = "tools no-print"; p.append(...buttons); return p };
const add_tools = root => {
  for (const figure of root.querySelectorAll("figure:not([data-tools])")) {
    const picture = figure.querySelector("svg");
    if (!picture) continue;
    figure.dataset.tools = "yes";
    figure.append(tools_of(tool("SVG", "download this picture as SVG", () => save_as(file_name(picture.getAttribute("aria-label")) + ".svg", svg_text(picture), "image/svg+xml"))));
  }
  for (const box of root.querySelectorAll(".table:not([data-tools]), .windows.take:not([data-tools])")) {
    const table = box.querySelector("table");
    if (!table) continue;
    box.dataset.tools = "yes";
    const caption = document.getElementById(table.getAttribute("aria-labelledby")), name = table.getAttribute("aria-label") || (caption && caption.firstChild && caption.firstChild.textContent) || table.id;
    box.after(tools_of(tool("TSV", "download this table as tab-separated values", () => save_as(file_name(name) + ".tsv", tsv_text(table), "text/tab-separated-values"))));
  }
  for (const box of root.querySelectorAll(".copy:not([data-tools])")) {
    box.dataset.tools = "yes";
    const text = box.innerText.trim() + "\n";
    box.after(tools_of(tool("Text", "download this text", () => save_as(file_name(box.dataset.copy) + ".txt", text, "text/plain"))));
  }
};
