// The server's answers. Arrays come packed and leave as typed arrays; a tab has a name of its own, kept over reloads.
const KINDS = { f4: Float32Array, f8: Float64Array, u4: Uint32Array, i4: Int32Array, u1: Uint8Array };
export const unpack = packed => {
  const raw = atob(packed.b64), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new KINDS[packed.kind](bytes.buffer);
};
const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), b => "abcdefghijklmnopqrstuvwxyz012345"[b % 32]).join("");
let tab = "";
// a duplicated tab brings the name of the one it was copied from: whoever holds the lock keeps it
export const claim = async () => {
  let name = sessionStorage.getItem("photo51-tab") || fresh();
  if (navigator.locks) {
    const free = await new Promise(done => navigator.locks.request(`photo51-${name}`, { ifAvailable: true }, lock => { done(Boolean(lock)); return lock ? new Promise(() => {}) : undefined; }));
    if (!free) { name = fresh(); navigator.locks.request(`photo51-${name}`, () => new Promise(() => {})); }
  }
  sessionStorage.setItem("photo51-tab", tab = name);
};
export class Refused extends Error {}
export class Replaced extends Error {}
const answered = async response => {
  const body = await response.json();
  if (body.replaced) throw new Replaced("replaced by a newer request");
  if (!response.ok) throw new Refused(body.error || `the server answered ${response.status}`);
  return body;
};
const send = (path, options) => fetch(`api/${path}`, { ...options, headers: { "x-photo51-tab": tab, "content-type": "application/json" } }).catch(e => {
  if (e.name === "AbortError") throw new Replaced("stopped");
  throw new Refused("The server does not answer: it has ended, or was idle too long. Start it again with `photo51 studio`.");
});
export const get = async path => answered(await send(path, {}));
export const post = async (path, body) => answered(await send(path, { method: "POST", body: JSON.stringify(body) }));
// one line of JSON an event
export async function* stream(path, body, signal) {
  const response = await send(path, { method: "POST", body: JSON.stringify(body), signal });
  if (!response.ok) { await answered(response); return; }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(() => { throw new Replaced("stopped"); });
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!line) continue;
        const event = JSON.parse(line);
        if (event.replaced) throw new Replaced("replaced by a newer request");
        if (event.error) throw new Refused(event.error);
        yield event;
      }
    }
  } finally { reader.cancel().catch(() => {}); }
}
export const file = async path => {
  const response = await send(path, {});
  if (!response.ok) await answered(response);
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") || "");
  return { name: name ? name[1] : "photo51.txt", text: await response.blob() };
};
