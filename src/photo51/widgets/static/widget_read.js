// A reading in a notebook: the studio's view, fed by traits instead of requests.
import { unpack } from "./api.js";
import { h, number, digits, percent } from "./dom.js";
import { SequenceView } from "./view.js";

const SHOWN = 6;
export const render = ({ model, el }) => {
  const root = el.attachShadow ? el.attachShadow({ mode: "open" }) : el, host = h("div", { class: "widget" }), waiting = new Map();
  root.append(h("style", {}, CSS), host);
  let count = 0;
  const ask = body => new Promise(done => { waiting.set(++count, done); model.send({ ...body, id: count }); });
  model.on("msg:custom", message => { waiting.get(message.id)?.(message.answer); waiting.delete(message.id); });
  const draw = () => {
    const told = model.get("reading"), names = model.get("names"), grades = model.get("grades"), maximum = model.get("maximum");
    if (!told.bases) { host.replaceChildren(h("p", { class: "empty" }, "Nothing is read yet.")); return; }
    const column = c => ({ at: unpack(c.at), value: unpack(c.value) });
    const reading = { ...told, bits: { "+": unpack(told.bits["+"]), "-": unpack(told.bits["-"]) } };
    const tracks = told.tracks.map(t => ({ feature: t.feature, name: names[t.feature] || "", grade: grades[t.feature] || "", maximum: maximum[t.feature], "+": column(t["+"]), "-": column(t["-"]) }));
    host.replaceChildren(h("p", { class: "quiet" }, `${number(told.bases.length)} bases \u00b7 ${digits(told.mean_bits["+"])} bits per base forward, ${digits(told.mean_bits["-"])} in reverse`));
    const set = (key, value) => { model.set(key, value); model.save_changes(); };
    const view = new SequenceView(host, { base: i => set("base", i), feature: f => set("feature", f), name: f => names[f] || "", hover: (start, end) => ask({ ask: "bases", start, end }) });
    view.show(reading);
    tracks.slice(0, SHOWN).forEach(t => view.add(t));
    const chips = tracks.map((t, k) => h("button", { type: "button", "aria-pressed": String(k < SHOWN), onclick: e => { const on = e.target.getAttribute("aria-pressed") === "true"; on ? view.drop(t.feature) : view.add(t); e.target.setAttribute("aria-pressed", String(!on)); } }, `f${t.feature} ${t.name}`.trim()));
    const best = told.strongest[0];
    host.append(h("p", { class: "small" }, best ? `Strongest: f${best.feature} ${names[best.feature] || ""} at ${percent(best.share)} of its maximum. Tracks: ` : "No feature is active. ", h("span", { class: "row" }, chips)));
  };
  draw();
  model.on("change:reading", draw);
};
