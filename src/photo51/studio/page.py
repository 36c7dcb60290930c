"""The page and its parts: modules, styles and the palette, as they lie in the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from photo51 import theme
from photo51.report.blocks import TEMPLATES

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


async def index(_request: Request) -> Response:
    """The page."""
    return Response((STATIC / "index.html").read_bytes(), media_type="text/html")


async def static(request: Request) -> Response:
    """A module or a style by its name."""
    name = request.path_params["name"]
    text = parts().get(name)
    if text is None:
        raise HTTPException(404)
    return Response(text, media_type=TYPES[Path(name).suffix])


@cache
def parts() -> dict[str, bytes]:
    """Everything the page loads: name → bytes. `theme.css` and `theme.js` are the palette of all figures."""
    found = {p.name: p.read_bytes() for p in sorted(STATIC.iterdir()) if p.suffix in TYPES}
    found["page.css"] = (TEMPLATES / "page.css").read_bytes()
    found["theme.css"] = theme.css().encode()
    tones = ",".join(f'"{name}":"{tone}"' for name, tone in theme.COLOURS.items())
    inks = f'"ink":"{theme.INK}","muted":"{theme.MUTED}","faint":"{theme.FAINT}","paper":"{theme.PAPER}"'
    found["theme.js"] = f"export const COLOURS = {{{tones},{inks}}};\n".encode()
    return found
