"""What a browser finds in a page: text that is too faint, pictures without words."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks._browser import Browser

# Every visible run of text against the colour behind it (WCAG 2.1, success criterion 1.4.3: 4.5, or 3 for large text).
# Text of SVG counts with its fill; what lies behind it is taken from the nearest HTML ancestor with a background.
_CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = "#000"; canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data] };
  const alpha = colour => { const m = /^rgba?\\(([^)]+)\\)$/.exec(colour); const parts = m ? m[1].split(/[,/ ]+/).filter(Boolean) : []; return colour === "transparent" ? 0 : parts.length > 3 ? parseFloat(parts[3]) : 1 };
  const over = (top, a, under) => top.map((v, i) => v * a + under[i] * (1 - a));
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor, a = alpha(c); if (a > 0) { layers.push([rgba(c.replace(/rgba?\\(([^)]+)\\)/, (_, p) => "rgb(" + p.split(/[,/ ]+/).filter(Boolean).slice(0, 3).join(",") + ")")).slice(0, 3), a]); if (a === 1) break } }
    return layers.reverse().reduce((under, [c, a]) => over(c, a, under), [255, 255, 255]);
  };
  const light = c => { const l = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * l[0] + .7152 * l[1] + .0722 * l[2] };
  const out = new Map(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element || element.closest("script, style, noscript, option, title, [hidden]")) continue;
    const range = document.createRange(); range.selectNodeContents(node);
    const box = range.getBoundingClientRect(), style = getComputedStyle(element);
    if (!box.width || !box.height || style.visibility === "hidden" || +style.opacity === 0) continue;
    const drawn = element instanceof SVGElement ? style.fill : style.color;
    if (drawn === "none") continue;
    const under = behind(element), a = alpha(drawn);
    const top = over(rgba(drawn.replace(/rgba\\(([^)]+)\\)/, (_, p) => "rgb(" + p.split(/[,/ ]+/).filter(Boolean).slice(0, 3).join(",") + ")")).slice(0, 3), a, under);
    const [high, low] = [light(top), light(under)].sort((x, y) => y - x), ratio = (high + .05) / (low + .05);
    const size = parseFloat(style.fontSize), bold = +style.fontWeight >= 700, large = size >= 24 || (bold && size >= 18.66);
    if (ratio < (large ? 3 : 4.5) - .005) {
      const key = `${element.tagName.toLowerCase()}.${element.getAttribute("class") || ""} ${drawn} on rgb(${under.map(Math.round)}) ${ratio.toFixed(2)}`;
      if (!out.has(key)) out.set(key, node.textContent.trim().slice(0, 40));
    }
  }
  return [...out].map(([key, text]) => key + " \\u201c" + text + "\\u201d");
})()
"""
_PICTURES = """
[...document.querySelectorAll("img, canvas, svg, [role=img]")].filter(e => {
  if (e.closest("[aria-hidden=true]")) return false;
  if (e.tagName.toLowerCase() === "svg" && e.parentElement.closest("svg, [role=img]")) return false;
  const words = e.tagName === "IMG" ? e.getAttribute("alt") : e.getAttribute("aria-label") || (e.querySelector(":scope > title") || {}).textContent;
  const named = words && words.trim().length > 2;
  return !(named && (e.tagName === "IMG" || e.getAttribute("role") === "img"));
}).map(e => e.outerHTML.slice(0, 120))
"""


class Audit(NamedTuple):
    """Findings on the page that is open: one line each."""

    contrast: list[str]
    without_alt: list[str]


def audit(browser: Browser) -> Audit:
    """Look for text below AA contrast, and for pictures without alternative text."""
    return Audit(browser.evaluate(_CONTRAST), browser.evaluate(_PICTURES))
