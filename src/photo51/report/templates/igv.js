// The genome page: igv.js with the run's tracks, and any other feature's track read from `data` when it is asked for.
// A link may name a feature, a place, or both: #f812, #chr:1-200, #f812;chr:1-200.
const $ = id => document.getElementById(id);
const ARRIVED = new Map(), CHUNKS = new Map(), SHOWN = new Map();
window.photo51_chunk = (name, text) => { ARRIVED.get(name)(text); ARRIVED.delete(name) };
const unpack = async text => JSON.parse(await new Response(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
const chunk = name => {
  if (!CHUNKS.has(name)) CHUNKS.set(name, new Promise((done, fail) => {
    ARRIVED.set(name, done);
    const script = document.createElement("script");
    script.src = "data/" + name + ".js";
    script.onerror = () => { CHUNKS.delete(name); fail(new Error("data/" + name + ".js is missing; keep the data folder next to this page")) };
    document.head.append(script);
  }).then(unpack));
  return CHUNKS.get(name);
};
// whole numbers, a character each: a space is 0, and 30,000 adds itself to the number after it
const numbers = text => {
  const out = [];
  for (let i = 0, sum = 0; i < text.length; i++) {
    const n = text.charCodeAt(i) - 32;
    sum += n;
    if (n < 30000) { out.push(sum); sum = 0 }
  }
  return out;
};
// intervals as gaps, lengths, levels (hundredths of the largest activation); reading in reverse hangs below the line
const intervals = (texts, chr, scale) => {
  const [gaps, lengths, levels] = texts.map(numbers), out = [];
  for (let i = 0, at = 0; i < gaps.length; i++) {
    const start = at + gaps[i], end = start + lengths[i];
    out.push({ chr, start, end, value: levels[i] * scale });
    at = end;
  }
  return out;
};
const feature_record = async id => {
  const row = FILES.ids.indexOf(id), number = Math.floor(row / FILES.chunk);
  return (await chunk("f" + String(number).padStart(4, "0")))[row - number * FILES.chunk];
};
const track_name = id => `f${id} ${FILES.labels[FILES.ids.indexOf(id)]}`.trim() + ", + above \u2212";
const feature_of = text => {
  const asked = text.trim().toLowerCase(), number = /^f?(\d+)\b/.exec(asked);
  if (number && FILES.ids.includes(+number[1])) return +number[1];
  const row = FILES.labels.findIndex(l => asked && l.toLowerCase().includes(asked));
  return row < 0 ? -1 : FILES.ids[row];
};
const draw_shown = browser => {
  const box = $("shown");
  if (!box) return;
  box.replaceChildren(...[...SHOWN.keys()].map(id => {
    const chip = document.createElement("span"), name = document.createElement(FILES.of_run ? "a" : "span"), close = document.createElement("button");
    chip.className = "chip"; name.textContent = `f${id} ${FILES.labels[FILES.ids.indexOf(id)]}`.trim();
    if (FILES.of_run) name.href = "../../atlas/index.html#f" + id;
    close.type = "button"; close.textContent = "\u00d7"; close.setAttribute("aria-label", "remove the track of f" + id);
    close.addEventListener("click", () => { browser.removeTrackByName(track_name(id)); SHOWN.delete(id); draw_shown(browser) });
    chip.append(name, close);
    return chip;
  }));
};
const show_feature = async (browser, id) => {
  if (SHOWN.has(id)) return "f" + id + " is shown already";
  const record = await feature_record(id), scale = record.peak / 100, features = [];
  for (const [chr, [plus, minus]] of Object.entries(record.runs)) features.push(...intervals(plus, chr, scale), ...intervals(minus, chr, -scale));
  if (!features.length) return "f" + id + " is active nowhere in what was read of this genome";
  await browser.loadTrack({ name: track_name(id), type: "wig", features, height: 70, autoscale: false, min: -record.peak, max: record.peak, color: FILES.colours[0], altColor: FILES.colours[1], graphType: "bar" });
  SHOWN.set(id, features); draw_shown(browser);
  const back = $("to-atlas");
  if (back) back.href = "../../atlas/index.html#f" + id;
  return `f${id}: upward read forward, downward read in reverse, both on one scale up to ${record.peak}`;
};
const follow = async (browser, status) => {
  let told = "";
  for (const part of decodeURIComponent(location.hash.slice(1)).split(";").filter(Boolean)) {
    const feature = /^f(\d+)$/.exec(part);
    if (feature && FILES.ids.includes(+feature[1])) told = await show_feature(browser, +feature[1]);
    else if (!feature) await browser.search(part);
  }
  if (told) status.textContent = told + ".";
};
(async () => {
  const status = $("status");
  const browser = await igv.createBrowser($("igv"), CONFIG);
  for (const track of SIGNALS) await browser.loadTrack({ ...track });
  document.querySelectorAll("[data-track]").forEach(box => box.addEventListener("change", async () => {
    const track = SIGNALS[+box.dataset.track];
    if (box.checked) await browser.loadTrack({ ...track }); else browser.removeTrackByName(track.name);
  }));
  document.querySelectorAll("[data-locus]").forEach(b => b.addEventListener("click", async () => {
    await browser.search(b.dataset.locus);
    status.textContent = "At " + b.dataset.locus;
  }));
  if ($("any")) {
    $("any-list").append(...FILES.ids.map((id, i) => { const o = document.createElement("option"); o.value = `f${id} ${FILES.labels[i]}`.trim(); return o }));
    $("any").addEventListener("submit", async e => {
      e.preventDefault();
      const asked = $("any-feature").value, id = feature_of(asked);
      try { status.textContent = id < 0 ? `No active feature is called ${asked}.` : (await show_feature(browser, id)) + "." } catch (error) { status.textContent = error.message }
    });
  }
  status.textContent = `${SIGNALS.length} feature tracks loaded. Bars are the feature\u2019s activation at each base; the two strands of a feature share one scale. Where the track \u201cread in this run\u201d is blank nothing was read, so that no activation there says nothing.`;
  await follow(browser, status);
  addEventListener("hashchange", () => follow(browser, status));
  document.documentElement.dataset.ready = "yes";
})().catch(e => { $("status").textContent = "The genome could not be shown: " + e; console.error(e) });
