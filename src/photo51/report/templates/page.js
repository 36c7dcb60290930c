// Tooltips of terms, sortable tables, tables that open: all of it optional, the page reads without.
(() => {
  "use strict";
  add_tools(document);
  const tip = document.createElement("div");
  tip.id = "tip"; tip.hidden = true; tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const hide = () => { tip.hidden = true };
  const show = term => {
    const meaning = document.getElementById(term.getAttribute("aria-describedby"));
    if (!meaning) return;
    tip.textContent = meaning.textContent; tip.hidden = false;
    const at = term.getBoundingClientRect(), wide = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(at.left, wide - tip.offsetWidth - 8));
    const below = at.bottom + 8 + tip.offsetHeight < innerHeight;
    tip.style.left = left + scrollX + "px";
    tip.style.top = (below ? at.bottom + 8 : at.top - tip.offsetHeight - 8) + scrollY + "px";
  };
  const term = e => e.target.closest && e.target.closest("a.term");
  document.addEventListener("mouseover", e => { const t = term(e); if (t) show(t); else if (!tip.contains(e.target)) hide() });
  document.addEventListener("focusin", e => { const t = term(e); if (t) show(t); else hide() });
  document.addEventListener("keydown", e => { if (e.key === "Escape") hide() });

  const value = cell => { const v = cell.dataset.v; return v === undefined || v === "" ? cell.textContent.trim().toLowerCase() : +v };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      const button = head.querySelector("button");
      if (button) button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
        table.querySelectorAll("thead th").forEach(h => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
        const body = table.tBodies[0], rows = [...body.rows];
        const cut = rows.filter(r => !r.classList.contains("more")).length;
        rows.sort((a, b) => {
          const x = value(a.cells[column]), y = value(b.cells[column]);
          return (typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? 1 : -1) * up;
        });
        rows.forEach((r, i) => r.classList.toggle("more", i >= cut));
        body.append(...rows);
      });
    });
  }
  for (const button of document.querySelectorAll("button.reveal")) {
    button.addEventListener("click", () => {
      const open = document.getElementById(button.getAttribute("aria-controls")).classList.toggle("open");
      button.setAttribute("aria-expanded", open);
      button.textContent = open ? button.dataset.less : button.dataset.more;
    });
  }
  const search = document.getElementById("find");
  if (search) {
    const table = document.getElementById(search.getAttribute("aria-controls")), told = document.getElementById("found");
    const text = [...table.tBodies[0].rows].map(r => r.textContent.toLowerCase());
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      [...table.tBodies[0].rows].forEach((r, i) => { const hit = words.every(w => text[i].includes(w)); r.hidden = !hit; n += hit });
      table.classList.toggle("open", words.length > 0);
      told.textContent = words.length ? n + (n === 1 ? " feature" : " features") : "";
    });
  }
})();
