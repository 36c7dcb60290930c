"""What goes into the wheel beside the package: an editable installation finds it in the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("workflow", "notebooks", "config", "resources")


class ShippedFiles(BuildHookInterface):
    """Puts the workflow, notebooks, configurations and resources into the package's folder `shipped_files`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them, unless the wheel is one of an editable installation."""
        if version != "editable":
            build_data["force_include"].update(
                {f"{self.root}/{name}": f"photo51/shipped_files/{name}" for name in FOLDERS}
            )
