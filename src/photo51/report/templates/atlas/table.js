// The list of features: only the rows in sight exist, so that 32,768 features scroll as 10 do.
const ROW_PX = 30;
const COLUMNS = [
  { key: "id", title: "Feature", cell: r => "f" + COL.id[r], value: r => COL.id[r], up: true },
  { key: "name", title: "Name", cell: r => name_of(r) || "unnamed", value: r => name_of(r) || "\uffff", up: true },
  { key: "grade", title: "Grade", hint: "How good the evidence for the name is: strong, moderate, weak", cell: r => ["\u2013", "weak", "moderate", "strong"][COL.grade[r]], value: r => COL.grade[r] },
  { key: "score", title: "F1", hint: "Held-out domain F1 with that annotation", cell: r => fixed(COL.score[r], 2), value: r => COL.score[r] },
  { key: "null", title: "Null", hint: "F1 that 95 of 100 circularly shifted copies do not exceed", cell: r => fixed(COL.null[r], 2), value: r => COL.null[r] },
  { key: "density", title: "Density", hint: "Share of scored bases at which it is active", cell: r => percent(COL.density[r]), value: r => COL.density[r] },
  { key: "novelty", title: "Novelty", hint: "Reproducible, strong and unexplained: 0 to 1", cell: r => fixed(COL.novelty[r], 2), value: r => COL.novelty[r] },
  { key: "manifold", title: "Group", hint: "Group of features it belongs to, and the shape that traces", cell: r => COL.manifold[r] < 0 ? "" : COL.manifold[r] + ": " + D.manifolds[COL.manifold[r]].shape, value: r => COL.manifold[r] < 0 ? 1e9 : COL.manifold[r], up: true },
];
let SHOWN, RANKED = false, SORT = { key: "score", up: false }, CURRENT = -1;   // rows in the order shown; the open feature's row

const known = v => v !== null && v !== undefined && Number.isFinite(v);
const fixed = (v, digits) => known(v) ? v.toFixed(digits).replace("-", "\u2212") : "\u2013";
const percent = v => !known(v) ? "\u2013" : v === 0 ? "0\u202f%" : v < 1e-4 ? (100 * v).toPrecision(2) + "\u202f%" : (100 * v).toFixed(v < .01 ? 2 : 1) + "\u202f%";
const tiny = v => !known(v) ? "\u2013" : v <= 0 ? "< 10\u207b\u00b3\u2070\u2070" : v >= .001 ? v.toFixed(v < .1 ? 3 : 2) : v.toExponential(1).replace("e-", "\u202f\u00d7\u202f10\u207b").replace(/10\u207b(\d+)/, (_, d) => "10\u207b" + Array.from(d, c => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[+c]).join(""));

const sort = () => {
  if (RANKED && !SORT.key) return;
  const column = COLUMNS.find(c => c.key === SORT.key) || COLUMNS[3], way = SORT.up ? 1 : -1;
  const keys = new Array(N);
  for (const r of SHOWN) { const v = column.value(r); keys[r] = v === null || v === undefined || Number.isNaN(v) ? undefined : v }
  SHOWN = SHOWN.slice().sort((a, b) => {
    const x = keys[a], y = keys[b];
    if (x === y) return a - b;
    if (x === undefined) return 1;
    if (y === undefined) return -1;
    return (x < y ? -1 : 1) * way;
  });
};
const draw_table = () => {
  const box = $("rows"), body = $("body"), first = Math.max(0, Math.floor(box.scrollTop / ROW_PX) - 5);
  const last = Math.min(SHOWN.length, first + Math.ceil(box.clientHeight / ROW_PX) + 12), out = [];
  for (let k = first; k < last; k++) {
    const r = SHOWN[k];
    out.push(`<tr role="row" id="row-${COL.id[r]}" aria-rowindex="${k + 2}" aria-selected="${r === CURRENT}" data-row="${r}">` +
      COLUMNS.map(c => `<td role="gridcell" class="c-${c.key}">${escape_text(c.cell(r))}</td>`).join("") + "</tr>");
  }
  $("above").style.height = first * ROW_PX + "px";
  $("below").style.height = (SHOWN.length - last) * ROW_PX + "px";
  body.innerHTML = out.join("");
  box.setAttribute("aria-rowcount", SHOWN.length + 1);
  if (CURRENT >= 0) box.setAttribute("aria-activedescendant", "row-" + COL.id[CURRENT]);
};
const escape_text = s => String(s).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const reveal = row => {
  const k = SHOWN.indexOf(row), box = $("rows");
  if (k < 0) return;
  if (k * ROW_PX < box.scrollTop) box.scrollTop = k * ROW_PX;
  else if ((k + 2) * ROW_PX > box.scrollTop + box.clientHeight) box.scrollTop = (k + 2) * ROW_PX - box.clientHeight;
};
const draw_heads = () => {
  $("heads").innerHTML = COLUMNS.map(c => {
    const on = SORT.key === c.key ? (SORT.up ? "ascending" : "descending") : "none";
    return `<th role="columnheader" scope="col" class="c-${c.key}" aria-sort="${on}"><button type="button" data-sort="${c.key}"${c.hint ? ` title="${c.hint}"` : ""}>${c.title}</button></th>`;
  }).join("");
};
const start_table = () => {
  draw_heads();
  $("heads").addEventListener("click", e => {
    const key = e.target.dataset && e.target.dataset.sort;
    if (!key) return;
    const column = COLUMNS.find(c => c.key === key);
    SORT = { key, up: SORT.key === key ? !SORT.up : !!column.up };
    sort(); draw_heads(); $("rows").scrollTop = 0; draw_table();
    $("heads").querySelector(`[data-sort=${key}]`).focus();
  });
  $("rows").addEventListener("scroll", draw_table);
  $("body").addEventListener("click", e => { const tr = e.target.closest("tr"); if (tr) select(+tr.dataset.row) });
  $("rows").addEventListener("keydown", e => {
    const at = SHOWN.indexOf(CURRENT), page = Math.floor($("rows").clientHeight / ROW_PX) - 1;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -SHOWN.length, End: SHOWN.length }[e.key];
    if (step === undefined) { if (e.key === "Enter" && CURRENT >= 0) $("dossier").focus(); return }
    e.preventDefault();
    const to = Math.max(0, Math.min(SHOWN.length - 1, at + step));
    if (SHOWN.length) select(SHOWN[to]);
  });
  new ResizeObserver(draw_table).observe($("rows"));
};
