"""The page and its parts: modules, styles and the palette, as they lie in the package."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from photo51.studio.modules import STATIC, TYPES, parts


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
