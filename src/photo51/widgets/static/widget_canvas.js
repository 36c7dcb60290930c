// A canvas in a notebook: the studio's lanes, fed by traits; the kernel writes.
import { unpack } from "./api.js";
import { h, digits, number, percent } from "./dom.js";
import { LaneCanvas } from "./canvas.js";

export const render = ({ model, el }) => {
  const root = el.attachShadow ? el.attachShadow({ mode: "open" }) : el, host = h("div", { class: "widget" }), said = h("div", { role: "status" }), form = h("div", { class: "row" });
  root.append(h("style", {}, CSS), host);
  const tools = ["draw", "erase"].map(t => h("button", { type: "button", "aria-pressed": String(t === "draw"), onclick: () => { view.tool = t; tools.forEach((b, i) => b.setAttribute("aria-pressed", String(["draw", "erase"][i] === t))); view.draw(); } }, t === "draw" ? "Draw and drag" : "Erase"));
  const add = h("button", { type: "button", onclick: () => view.changed([...view.paints, { lane: 0, start: Math.round(view.length / 3), end: Math.round(view.length * 2 / 3), strength: 2, towards: null }], view.paints.length) }, "Add paint");
  const write = all => h("button", { type: "button", class: all ? "first" : "", onclick: () => model.send({ do: all ? "all" : "changes" }) }, all ? "Write all again" : "Write what changed");
  host.append(h("div", { class: "row", role: "group", "aria-label": "tool" }, tools, add, h("span", { class: "grow" }), write(true), write(false)));
  const view = new LaneCanvas(host, { change: paints => { model.set("paints", paints); model.save_changes(); }, select: k => fields(k) });
  host.append(form, said);
  const fields = k => {
    const p = k === null ? null : view.paints[k];
    if (!p) { form.replaceChildren(); return; }
    const num = (label, value, key, shift) => h("label", { class: "field" }, label, h("input", { type: "number", value: value + shift, step: key === "strength" ? .25 : 1, onchange: e => view.changed(view.paints.map((q, j) => j === k ? { ...q, [key]: +e.target.value - shift } : q), k) }));
    form.replaceChildren(num("from base", p.start, "start", 1), num("to base", p.end, "end", 0), num("strength (units)", p.strength, "strength", 0));
  };
  const show = () => {
    const told = model.get("result"), error = model.get("error");
    if (told.text) view.show({ text: told.text, kept: told.kept, rewritten: told.rewritten, differs: told.differs, levels: new Map((told.levels || []).map(l => [l.concept, unpack(l.level[0])])), asked: new Map((told.asked || []).map(a => [a.concept, unpack(a.strength)])) });
    const span = (told.rewritten || []).map(([a, b]) => `${number(a + 1)}\u2013${number(b)}`).join(", ");
    said.replaceChildren(error ? h("p", { class: "bad", role: "alert" }, error) : "", ...(told.overlap || []).map(o => h("p", { class: "small" }, `${o.concept}: ${percent(o.mass_inside)} of its activation inside (if spread evenly: ${percent(o.expected)}); ${digits(o.mean_inside, 2)} units inside, ${digits(o.mean_outside, 2)} outside`)), told.kept && span ? h("p", { class: "small" }, `Written again: bases ${span}.`) : "");
  };
  const state = () => view.set({ length: model.get("length"), lanes: model.get("lanes"), paints: model.get("paints") });
  state(); show();
  for (const key of ["length", "lanes"]) model.on(`change:${key}`, state);
  model.on("change:paints", () => { if (JSON.stringify(model.get("paints")) !== JSON.stringify(view.paints)) state(); });
  for (const key of ["result", "error"]) model.on(`change:${key}`, show);
};
