"""The `photo51` command: one module a stage, imported here so that each can register its commands."""

from importlib import import_module
from pkgutil import iter_modules

from photo51.cli.app import app, main

for _module in iter_modules(__path__):
    if _module.name == "__main__":
        continue
    import_module(f"{__name__}.{_module.name}")

__all__ = ["app", "main"]
