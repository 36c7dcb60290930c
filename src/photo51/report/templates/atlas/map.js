// The map: every feature a point (UMAP), every manifold a small picture. Colour says what a feature looks like; a ring marks the
// open one; what a search leaves out fades.
const MAP = { mode: "features", colour: "kind", hover: -1 };
const GREY = "#a9aeb4";
const tone = row => {
  if (MAP.colour === "kind") { const g = group_of(row); return g < 0 ? GREY : D.groups[g].colour }
  const scale = { density: v => 1 + Math.log10(Math.max(v, 1e-6)) / 6, novelty: v => v, cause: v => v }[MAP.colour], v = COL[MAP.colour][row];
  if (!known(v)) return "#dadde1";
  const t = Math.max(0, Math.min(1, scale(v)));
  return mixed(["#c6dff0", "#5a9fd0", "#083b6d"], t);
};
const mixed = (stops, t) => {
  const at = Math.max(0, Math.min(1, t)) * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2), part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  return "rgb(" + [0, 1, 2].map(k => Math.round(part(stops[i], k) + (at - i) * (part(stops[i + 1], k) - part(stops[i], k)))).join() + ")";
};
let AT = [];                               // screen position of each row
const layout = () => {
  const canvas = $("map"), ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, tall = canvas.clientHeight;
  canvas.width = wide * ratio; canvas.height = tall * ratio;
  const span = a => { let lo = Infinity, hi = -Infinity; for (const v of a) { if (v < lo) lo = v; if (v > hi) hi = v } return [lo, hi === lo ? lo + 1 : hi] };
  const [x0, x1] = span(COL.x), [y0, y1] = span(COL.y), pad = 12;
  AT = new Float32Array(2 * N);
  for (let r = 0; r < N; r++) {
    AT[2 * r] = pad + (COL.x[r] - x0) / (x1 - x0) * (wide - 2 * pad);
    AT[2 * r + 1] = tall - pad - (COL.y[r] - y0) / (y1 - y0) * (tall - 2 * pad);
  }
};
const draw_map = () => {
  if (MAP.mode !== "features") return;
  const canvas = $("map"), g = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  const on = new Uint8Array(N), size = N > 8000 ? 2.2 : N > 1500 ? 3.2 : 4.4, half = size / 2;
  for (const r of SHOWN) on[r] = 1;
  g.fillStyle = "#e4e6e9";
  for (let r = 0; r < N; r++) if (!on[r]) g.fillRect(AT[2 * r] - half, AT[2 * r + 1] - half, size, size);
  const big = SHOWN.length < N / 20 ? 1.6 : 1;
  const named = MAP.colour === "kind";     // greys first, so that they hide nothing
  for (const last of named ? [false, true] : [null]) for (let r = 0; r < N; r++) if (on[r] && (last === null || (group_of(r) >= 0) === last)) { g.fillStyle = tone(r); g.fillRect(AT[2 * r] - half * big, AT[2 * r + 1] - half * big, size * big, size * big) }
  for (const [row, width] of [[MAP.hover, 1.5], [CURRENT, 2.5]]) if (row >= 0) {
    g.strokeStyle = "#1b1b1f"; g.lineWidth = width; g.beginPath(); g.arc(AT[2 * row], AT[2 * row + 1], 7, 0, 7); g.stroke();
  }
};
const nearest_row = (x, y, rows, within) => {
  let best = -1, least = within * within;
  for (const r of rows) { const dx = AT[2 * r] - x, dy = AT[2 * r + 1] - y, d = dx * dx + dy * dy; if (d < least) { least = d; best = r } }
  return best;
};
// nearest shown point in the direction of an arrow key: distance along, penalised across
const neighbour = (row, dx, dy) => {
  let best = -1, least = Infinity;
  for (const r of SHOWN) {
    const x = AT[2 * r] - AT[2 * row], y = AT[2 * r + 1] - AT[2 * row + 1], along = x * dx + y * dy, across = Math.abs(x * dy - y * dx);
    if (r === row || along <= 0 || across > 2 * along) continue;
    const cost = along + 2 * across;
    if (cost < least) { least = cost; best = r }
  }
  return best;
};
const say_hover = row => { $("hover").textContent = row < 0 ? "" : `f${COL.id[row]} ${name_of(row) || "unnamed"}` };
const start_map = () => {
  const canvas = $("map"), point = e => { const box = canvas.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top] };
  canvas.addEventListener("mousemove", e => { const row = nearest_row(...point(e), SHOWN, 14); if (row !== MAP.hover) { MAP.hover = row; say_hover(row); draw_map() } });
  canvas.addEventListener("mouseleave", () => { MAP.hover = -1; say_hover(-1); draw_map() });
  canvas.addEventListener("click", e => { const row = nearest_row(...point(e), SHOWN, 40); if (row >= 0) select(row) });
  canvas.addEventListener("keydown", e => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!way) { if (e.key === "Enter") $("dossier").focus(); return }
    e.preventDefault();
    const row = CURRENT < 0 ? SHOWN[0] : neighbour(CURRENT, ...way);
    if (row >= 0) select(row);
  });
  new ResizeObserver(() => { layout(); draw_map() }).observe(canvas);
  $("colour").addEventListener("change", e => { MAP.colour = e.target.value; draw_legend(); draw_map() });
  for (const tab of document.querySelectorAll("[data-map]")) tab.addEventListener("click", () => show_map(tab.dataset.map));
  draw_legend();
};
const show_map = mode => {
  MAP.mode = mode;
  for (const tab of document.querySelectorAll("[data-map]")) tab.setAttribute("aria-pressed", tab.dataset.map === mode);
  $("features-map").hidden = mode !== "features"; $("manifolds-map").hidden = mode !== "manifolds";
  $("colour").parentElement.hidden = mode !== "features";
  if (mode === "features") { layout(); draw_map() }
};
const draw_legend = () => {
  const swatch = (colour, label) => `<span class="key"><i style="background:${colour}"></i>${escape_text(label)}</span>`;
  const ramp = (low, high) => `<span class="key">${low} <i class="ramp"></i> ${high}</span>`;
  const used = new Set(NAMES.map(n => n.group));
  const kinds = [...D.groups.filter((_, i) => used.has(i)).map(g => swatch(g.colour, g.label)), swatch(GREY, "unnamed")].join("");
  $("legend").innerHTML = { kind: kinds, density: ramp("rare (one base in a million)", "always on"), novelty: ramp("0", "1"), cause: ramp("no effect", "largest effect") }[MAP.colour];
};
// classes have the colours of the report's pictures; the class of a value is the nearest of the key, round the circle for an angle
const shade = (m, share) => {
  if (!m.tones || !m.tones.length) return mixed(m.cyclic ? D.ramps.cyclic : D.ramps.sequential, share);
  const far = m.key.map(([, at]) => { const d = Math.abs(share - at); return m.cyclic ? Math.min(d, 1 - d) : d });
  return m.tones[far.indexOf(Math.min(...far))];
};
const cloud = (m, wide, tall, size) => {
  const P = m.points, pad = size + 2;
  if (!P || !P.x.length) return `<svg viewBox="0 0 ${wide} ${tall}" role="img" aria-label="no picture"></svg>`;
  const span = a => { const lo = Math.min(...a), hi = Math.max(...a); return [lo, Math.max(hi - lo, 1e-9)] }, [x0, sx] = span(P.x), [y0, sy] = span(P.y);
  const unit = Math.max(sx / (wide - 2 * pad), sy / (tall - 2 * pad)), ox = (wide - sx / unit) / 2, oy = (tall - sy / unit) / 2;
  const dots = P.x.map((x, i) => `<circle cx="${(ox + (x - x0) / unit).toFixed(1)}" cy="${(tall - oy - (P.y[i] - y0) / unit).toFixed(1)}" r="${size}" fill="${known(P.v[i]) ? shade(m, P.v[i]) : GREY}" fill-opacity=".75"/>`);
  return `<svg viewBox="0 0 ${wide} ${tall}" role="img" aria-label="${escape_text(m.alt)}">${dots.join("")}</svg>`;
};
const draw_manifolds = () => {
  const order = D.manifolds.map((m, i) => [m, i]).sort((a, b) => b[0].is_shape - a[0].is_shape || !!b[0].meaning - !!a[0].meaning || a[1] - b[1]);
  const said = m => m.meaning ? "along it: " + m.meaning : m.is_shape ? "nothing is known to vary along it" : "active together, no shape";
  $("manifolds-map").innerHTML = D.manifolds.length ? order.map(([m, i]) =>
    `<button type="button" class="card" data-manifold="${i}">${m.points.x.length ? cloud(m, 150, 96, 1.3) : ""}<b>${i}: ${escape_text(m.shape)}</b><small>${escape_text(said(m))}</small><small>${m.features.length} features</small></button>`).join("")
    : "<p>This run found no group of features, or the geometry stage was not run.</p>";
  $("manifolds-map").addEventListener("click", e => { const b = e.target.closest("[data-manifold]"); if (b) open_manifold(+b.dataset.manifold) });
};
