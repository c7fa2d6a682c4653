"""The published schema of Compose files: ``python -m tests.deploy.compose`` installs it."""

from typing import Final

from tests.npm_file import NpmFile

SCHEMA: Final = NpmFile(
    "dclint",
    "3.1.0",
    "afTGdzRFUXK4yCpIiEW/LOR+9TOMEDhNldDp56VCWzn7JDmD451PcUi640GGlMHgbHKJ10rDBm4PtpcBbjqlXw==",
    "schemas/compose.schema.json",
)

if __name__ == "__main__":
    SCHEMA.install()
