"""``badge.svg``: the verdict for a README, with the version of the specification and what was judged."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from distilspec.conformance.report.json_report import Document
from distilspec.conformance.report.text import printable
from distilspec.conformance.report.verdict import sentence

#: Colours behind the verdict by exit status, dark enough for white text.
COLOURS = ("#116329", "#b31d28", "#5f5f5f")

#: About how wide characters of 11 px Verdana are; ``textLength`` makes the text fit whatever font there is.
NARROW, NARROW_WIDTH, WIDTH, MARGIN = "fijlrt1.,:;|!'()[] ", 4.3, 7.2, 6

#: A name that is longer is cut, and more recipes than this are counted.
LONGEST_NAME, MOST_RECIPES = 40, 3


def render_badge(report: Document) -> str:
    """Return the badge of a report as SVG."""
    texts = (f"distilspec {report['spec']}", message(report))
    widths = tuple(round(sum(map(_width, text))) + 2 * MARGIN for text in texts)
    svg = _template().render(
        texts=texts, widths=widths, margin=MARGIN, colour=COLOURS[report["exit"]], title=sentence(report)
    )
    return printable(svg)


def message(report: Document) -> str:
    """Return what stands on the badge: runtime, recipes, verdict, and how many failures are waived."""
    runtime = f"{report['runtime']['name']} {report['runtime']['version']}"
    recipes = report["recipes"] if report["model"] != "operators" else ["operators"]
    judged = ", ".join(recipes) if len(recipes) <= MOST_RECIPES else f"{len(recipes)} recipes"
    waived = report["summary"].get("WAIVED", 0)
    parts = [_cut(runtime), _cut(judged), report["verdict"] + (f" ({waived} waived)" if waived else "")]
    return " | ".join(parts)


def _width(character: str) -> float:
    return NARROW_WIDTH if character in NARROW else WIDTH


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


@lru_cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("distilspec.conformance.report"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("badge.svg")
