// Journal: every action, the command and the Python that do the same, and what can be taken away.
import { get, file } from "./api.js";
import { h, download } from "./dom.js";

export class JournalPanel {
  constructor(host, studio) {
    this.host = host; this.studio = studio;
    const save = (what, type) => async () => { const f = await studio.during(host, () => file(`export/${what}`), "writing"); if (f) download(f.name, f.text, type); };
    this.lines = h("div", {});
    host.append(h("div", { class: "row" }, h("h2", { class: "grow" }, "Journal"), h("button", { type: "button", class: "first", id: "notebook", onclick: save("notebook", "application/x-ipynb+json") }, "Save as a notebook"), h("button", { type: "button", onclick: save("fasta", "text/plain") }, "Sequences as FASTA")),
      h("p", { class: "quiet" }, "What was done on this page, and what does the same elsewhere. The notebook does every line again and checks that the same numbers come out."), this.lines);
  }
  async shown() {
    const found = await this.studio.during(this.host, () => get("journal"), "looking up");
    if (!found) return;
    this.lines.replaceChildren(...(found.lines.length ? [...found.lines].reverse().map(l => this.line(l)) : [h("p", { class: "empty" }, "Nothing yet: read a sequence first.")]));
  }
  line(l) {
    const back = h("button", { type: "button", onclick: () => this.studio.restore(l) }, "Go back to it");
    return h("article", { class: "line" }, h("header", {}, h("span", { class: "small" }, String(l.number)), h("b", {}, l.words), l.digest ? h("code", { title: "digest of the result" }, l.digest) : null, back), h("pre", { "aria-label": "command" }, l.command), h("pre", { "aria-label": "Python" }, l.python));
  }
}
