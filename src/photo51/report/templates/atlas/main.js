// What happens when: selecting, searching, deep links (#f12, #m3, #q=tRNA).
let NOTHING = "";
const select = async row => {
  CURRENT = row;
  reveal(row); draw_table(); draw_map();
  history.replaceState(null, "", "#f" + COL.id[row]);
  const pane = $("dossier");
  pane.setAttribute("aria-busy", "true");
  try {
    const record = await dossier(row);
    if (CURRENT !== row) return;
    show_dossier(record, row); pane.scrollTop = 0;
    $("told").textContent = `page of feature ${COL.id[row]}, ${name_of(row) || "unnamed"}`;
  } catch (e) { pane.replaceChildren(h("h2", {}, "f" + COL.id[row]), h("p", {}, "This page could not be read: " + e.message)) }
  pane.removeAttribute("aria-busy");
};
const apply = () => {
  const kept = $("only").value, found = search($("q").value);
  let rows = found.rows;
  if (kept === "named") rows = rows.filter(r => COL.grade[r] > 1);
  else if (kept === "unnamed") rows = rows.filter(r => COL.grade[r] < 2);
  else if (kept === "shape") rows = rows.filter(r => COL.manifold[r] >= 0 && D.manifolds[COL.manifold[r]].is_shape);
  else if (kept === "novel") rows = rows.filter(r => COL.novel[r]);
  SHOWN = rows; RANKED = !!found.ranked;
  if (RANKED) SORT = { key: "", up: false }; else if (!SORT.key) SORT = { key: "score", up: false };
  sort(); draw_heads(); $("rows").scrollTop = 0; draw_table(); draw_map();
  $("found").textContent = `${SHOWN.length.toLocaleString("en")} of ${N.toLocaleString("en")} features` + (found.said ? " \u00b7 " + found.said : "");
  $("none").hidden = SHOWN.length > 0;
  $("none").textContent = found.none || NOTHING;
};
const follow = () => {
  const asked = decodeURIComponent(location.hash.slice(1));
  if (/^f\d+$/.test(asked)) {
    const row = ROW_OF.get(+asked.slice(1));
    if (row !== undefined) { if (!SHOWN.includes(row)) { $("q").value = ""; $("only").value = "all"; apply() } select(row); return }
    $("q").value = asked; apply();
    $("dossier").replaceChildren(h("h2", {}, asked), h("p", { class: "lede" }, `There is no page of ${asked}: it was active nowhere, or the dictionary has no such number. The nearest numbers are in the list.`));
  } else if (/^m\d+$/.test(asked)) { show_map("manifolds"); open_manifold(+asked.slice(1)) }
  else if (asked.startsWith("q=")) { $("q").value = asked.slice(2); apply() }
  else if (asked === "rows") $("rows").focus();
};
(async () => {
  await open_index(); NOTHING = $("none").textContent;
  SHOWN = everything();
  $("q").disabled = false;
  start_table(); layout(); start_map(); draw_manifolds(); apply();
  let waiting = 0;
  $("q").addEventListener("input", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(apply) });
  $("q").addEventListener("keydown", e => { if (e.key === "Enter" && SHOWN.length) { select(SHOWN[0]); $("rows").focus() } else if (e.key === "ArrowDown") { e.preventDefault(); $("rows").focus(); if (SHOWN.length && CURRENT < 0) select(SHOWN[0]) } });
  $("only").addEventListener("change", apply);
  for (const b of document.querySelectorAll("[data-try]")) b.addEventListener("click", () => { $("q").value = b.dataset.try; apply(); $("q").focus() });
  document.addEventListener("keydown", e => {
    if (e.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) { e.preventDefault(); $("q").focus(); $("q").select() }
    else if (e.key === "Escape" && document.activeElement === $("q")) { $("q").value = ""; apply() }
  });
  addEventListener("hashchange", follow);
  if (location.hash.length > 1) follow(); else if (SHOWN.length && matchMedia("(min-width: 60rem)").matches) await select(SHOWN[0]);
  document.documentElement.dataset.ready = "yes";
})().catch(e => { $("found").textContent = "The atlas could not be opened: " + e.message; console.error(e) });
