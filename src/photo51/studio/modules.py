"""What the page loads, as it lies in the package: modules, styles, the palette. The widgets are made of the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from photo51 import theme
from photo51.report.elements.blocks import TEMPLATES

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


@cache
def parts() -> dict[str, bytes]:
    """Everything the page loads: name → bytes. `theme.css` and `theme.js` are the palette of all figures."""
    files = {p.name: p.read_bytes() for p in sorted(STATIC.iterdir()) if p.suffix in TYPES}
    files["page.css"] = (TEMPLATES / "page.css").read_bytes()
    files["theme.css"] = theme.css().encode()
    tones = ",".join(f'"{name}":"{tone}"' for name, tone in theme.COLOURS.items())
    inks = f'"ink":"{theme.INK}","muted":"{theme.MUTED}","faint":"{theme.FAINT}","paper":"{theme.PAPER}"'
    files["theme.js"] = f"export const COLOURS = {{{tones},{inks}}};\n".encode()
    return files
