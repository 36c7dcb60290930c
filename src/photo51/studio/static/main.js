// The page: one state, panels that are made when first shown, a search, and a panel of details.
import { claim, get, post, unpack, Replaced } from "./api.js";
import { $, h, debounce, number } from "./dom.js";
import { ReadPanel } from "./read.js";
import { Why } from "./why.js";
import { SteerPanel } from "./steer.js";
import { PaintPanel } from "./paint.js";
import { ListenPanel } from "./listen.js";
import { VariantsPanel } from "./variants.js";
import { JournalPanel } from "./journal.js";
import { Inspector } from "./inspector.js";
import { listenSearch } from "./search.js";

const PANELS = [["read", "Read", ReadPanel], ["steer", "Steer", SteerPanel], ["paint", "Paint", PaintPanel], ["listen", "Listen", ListenPanel], ["variants", "Variants", VariantsPanel], ["journal", "Journal", JournalPanel]];
export const studio = {
  panels: {}, busy: 0,
  name: f => studio.features.name[f] || "",
  grade: f => studio.features.grade[f] || "",
  label: f => `f${f} ${studio.name(f)}`.trim(),
  say(text, bad = false) { const s = $("status"); s.textContent = text; s.toggleAttribute("data-bad", bad); },
  // runs a request: says that something is under way, and what went wrong, in the panel it is of
  async during(host, call, words = "thinking") {
    studio.busy++; $("status").toggleAttribute("data-busy", true); studio.say(words);
    host?.querySelector(":scope > .bad")?.remove();
    try { return await call(); } catch (e) {
      if (e instanceof Replaced) return null;
      host?.append(h("p", { class: "bad", role: "alert" }, e.message));
      studio.say("", false);
      return null;
    } finally { if (!--studio.busy) { $("status").toggleAttribute("data-busy", false); studio.say(""); } }
  },
  show(name) {
    for (const [key, , Panel] of PANELS) {
      const tab = $(`tab-${key}`), chosen = key === name;
      tab.setAttribute("aria-selected", String(chosen)); tab.tabIndex = chosen ? 0 : -1;
      if (chosen && !studio.panels[key]) {
        const host = h("section", { id: `panel-${key}`, role: "tabpanel", "aria-labelledby": `tab-${key}` });
        $("main").append(host); studio.panels[key] = { host, panel: new Panel(host, studio) };
      }
      if (studio.panels[key]) studio.panels[key].host.hidden = !chosen;
    }
    studio.panels[name].panel.shown?.();
    sessionStorage.setItem("photo51-panel", name);
    return studio.panels[name].panel;
  },
};

const tabs = () => {
  const bar = $("panels");
  bar.replaceChildren(...PANELS.map(([key, label]) => h("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-selected": "false", "aria-controls": `panel-${key}`, onclick: () => studio.show(key) }, label)));
  bar.addEventListener("keydown", e => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!way) return;
    const all = [...bar.children], next = all[(all.indexOf(document.activeElement) + way + all.length) % all.length];
    next.focus(); next.click(); e.preventDefault();
  });
};

const start = async () => {
  await claim();
  tabs();
  $("end").addEventListener("click", async () => {
    await studio.during($("main"), () => post("end", {}));
    document.body.replaceChildren(h("main", { id: "main" }, h("h1", {}, "photo51 studio has ended"), h("p", { class: "empty" }, "The server was asked to end. Start it again with ", h("code", {}, `photo51 studio ${studio.state?.folder || ""}`.trim()), ".")));
  });
  studio.say("opening the model"); $("status").toggleAttribute("data-busy", true);
  let state;
  try { state = await get("state"); } catch (e) { $("about").textContent = "nothing is open"; studio.say(""); $("status").removeAttribute("data-busy"); $("main").append(h("p", { class: "bad", role: "alert" }, e.message)); return; }
  studio.state = state;
  studio.features = { ...state.features, unit: unpack(state.features.unit), median: unpack(state.features.median), maximum: unpack(state.features.maximum), density: unpack(state.features.density) };
  $("about").textContent = `${state.run ? `run ${state.run} \u00b7 ` : ""}${state.model} at ${state.site} \u00b7 ${number(state.features.name.length)} features`;
  document.title = `${state.run || state.model} \u00b7 photo51 studio`;
  studio.inspector = new Inspector($("inspector"), studio);
  studio.why = new Why(studio);
  studio.steerWith = text => { studio.show("steer"); studio.steerWith(text); };
  studio.restore = line => line.panel === "compare" ? studio.show("variants").compare(line.state.first, line.state.second) : line.panel === "why" ? studio.why.restore(line.state) : studio.show(line.panel).restore(line.state);
  listenSearch(studio);
  $("status").removeAttribute("data-busy"); studio.say("");
  const read = studio.show("read");
  if (state.latest.read) await read.restore(state.latest.read);
  if (state.latest.steer) { const last = state.latest.steer; studio.steerLast = last; }
  const before = sessionStorage.getItem("photo51-panel");
  if (before && before !== "read" && PANELS.some(p => p[0] === before)) studio.show(before);
  document.documentElement.dataset.ready = "1";
  document.addEventListener("keydown", e => { if (e.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) { e.preventDefault(); $("q").focus(); } });
};
export { debounce };
window.photo51 = studio;
start();
