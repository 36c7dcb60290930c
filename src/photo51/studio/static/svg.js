// What the views draw with, written down as SVG instead: the few calls of a canvas that they use.
const escape = text => String(text).replace(/[&<>"']/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);
const r = v => Number(v.toFixed(2));
export class SvgContext {
  constructor(wide, tall) { this.wide = wide; this.tall = tall; this.parts = []; this.dx = this.dy = 0; this.fillStyle = this.strokeStyle = "#000"; this.font = "11px sans-serif"; this.textAlign = "left"; this.lineWidth = 1; }
  translate(x, y) { this.dx = x; this.dy = y; }
  // what was drawn left of an edge is hidden, so that labels may stand there
  mask(x) { this.dx = this.dy = 0; this.parts.push(`<rect width="${x}" height="${this.tall}" fill="#fff"/>`); }
  fillRect(x, y, w, h) { if (w > 0 && h > 0 && x + w > -20 && x < this.wide) this.parts.push(`<rect x="${r(x + this.dx)}" y="${r(y + this.dy)}" width="${r(w)}" height="${r(h)}" fill="${this.fillStyle}"/>`); }
  strokeRect(x, y, w, h) { this.parts.push(`<rect x="${r(x + this.dx)}" y="${r(y + this.dy)}" width="${r(w)}" height="${r(h)}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"/>`); }
  fillText(text, x, y) {
    const size = /([\d.]+)px/.exec(this.font)[1], anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    this.parts.push(`<text x="${r(x + this.dx)}" y="${r(y + this.dy + size * .35)}" font-size="${r(+size)}" text-anchor="${anchor}" fill="${this.fillStyle}"${this.font.includes("mono") ? ' font-family="monospace" font-weight="600"' : ""}>${escape(text)}</text>`);
  }
  beginPath() { this.path = ""; }
  moveTo(x, y) { this.path += `M${r(x + this.dx)},${r(y + this.dy)}`; }
  lineTo(x, y) { this.path += `L${r(x + this.dx)},${r(y + this.dy)}`; }
  closePath() { this.path += "Z"; }
  fill() { this.parts.push(`<path d="${this.path}" fill="${this.fillStyle}"/>`); }
  stroke() { this.parts.push(`<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"/>`); }
  text() { return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${this.wide} ${this.tall}" width="${this.wide}" height="${this.tall}" font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>${this.parts.join("")}</svg>\n`; }
}
