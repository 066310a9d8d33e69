"""Scripts to be looked through."""

from __future__ import annotations

from pathlib import Path


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file
