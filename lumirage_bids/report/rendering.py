"""Templates to pages: everything escaped, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from lumirage_bids.report.text import count

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    # Our own style sheet and script, the only text besides our SVG that goes onto a page as it is.
    environment.globals["style"] = Markup((_TEMPLATES / "style.css").read_text("utf-8"))
    script = (_TEMPLATES / "tables.js").read_text("utf-8")
    environment.globals["script"] = Markup(script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    # No network, and no script but ours, even if something slipped through the escaping.
    environment.globals["content_security_policy"] = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment


def render(template: str, **content: object) -> str:
    """Fill a template of this package; every value is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(content)
