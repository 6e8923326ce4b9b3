"""The parts of a report, written once as Markdown and once as a page.

The page needs nothing besides itself: plots are in it as SVG, there are no scripts, and it is light
or dark as the reader's system is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_CODE = re.compile(r"`([^`]*)`|\*\*([^*]+)\*\*")

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{
  color-scheme: light dark;
  --ink: #1c1c1c; --paper: #fff; --line: #c9c9c9; --soft: #595959; --stripe: #f5f5f5;
  --plot-1: #2a5d9c; --plot-2: #b5442c; --plot-3: #2f7d4f; --plot-4: #7a4ba0; --plot-5: #8a6d00;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --ink: #ececec; --paper: #161616; --line: #4a4a4a; --soft: #b0b0b0; --stripe: #202020;
    --plot-1: #7fb2ee; --plot-2: #f0907a; --plot-3: #76c893; --plot-4: #c39be6; --plot-5: #d9b93b;
  }}
}}
body {{
  font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; padding: 0 1em; max-width: 72em;
  color: var(--ink); background: var(--paper);
}}
h2 {{ margin-top: 2em }}
code {{ overflow-wrap: anywhere }}
.scroll {{ overflow-x: auto }}
.scroll:focus-visible {{ outline: 2px solid var(--plot-1) }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1em 0 }}
th, td {{ text-align: left; padding: .25em 1em .25em 0; border-bottom: 1px solid var(--line) }}
thead th {{ vertical-align: bottom; color: var(--soft) }}
tbody tr:nth-child(even) {{ background: var(--stripe) }}
tbody th {{ font-weight: 600 }}
figure {{ margin: 1.5em 0; max-width: 40em }}
figure svg {{ width: 100%; height: auto }}
figcaption {{ color: var(--soft) }}
</style>
<body>
<main>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; ``level`` 1 is that of the report."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `` ` `` and ``**`` mean what they mean in Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures or words.

    Attributes:
        header: of each column.
        rows: a float gets three digits, None a dash; the first cell names its row.
    """

    header: tuple[str, ...]
    rows: tuple[Sequence[Any], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of numbers.

    Attributes:
        svg: an ``<svg>`` element.
        caption: says what is drawn, also to those who do not see it.
        file: under which it is beside the Markdown; None where it is on the page only.
    """

    svg: str
    caption: str
    file: str | None = None


Block = Heading | Text | Table | Plot


def markdown(blocks: Iterable[Block]) -> str:
    """Write blocks as Markdown."""
    return "\n\n".join(text for text in map(_markdown, blocks) if text) + "\n"


def page(title: str, blocks: Iterable[Block]) -> str:
    """Write blocks as one HTML file."""
    return _PAGE.format(title=escape(title), body="\n".join(map(_html, blocks)))


def cell(value: Any) -> str:
    """Write one value of a table."""
    if isinstance(value, float):
        return f"{value:.3f}"
    return "—" if value is None else str(value)


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Table(header, rows):
            lines = [header, ["---"] * len(header), *rows]
            return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
        case Plot(_, caption, file):
            return f"![{caption}]({file})" if file else ""


def _escaped(value: Any) -> str:
    return cell(value).replace("|", "\\|")


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_inline(text)}</h{level}>"
        case Text(text):
            return f"<p>{_inline(text)}</p>"
        case Table(header, rows):
            head = "".join(f'<th scope="col">{_inline(name)}</th>' for name in header)
            body = "\n".join(f"<tr>{_row(row)}</tr>" for row in rows)
            # Reached by the keyboard, too, where it is wider than the window.
            return (
                f'<div class="scroll" tabindex="0" role="group" aria-label="table">'
                f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
            )
        case Plot(svg, caption, _):
            words = escape(caption, quote=True)
            named = svg.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
            return f"<figure>{named}<figcaption>{words}</figcaption></figure>"


def _row(row: Sequence[Any]) -> str:
    first, *others = row
    cells = "".join(f"<td>{_inline(cell(value))}</td>" for value in others)
    return f'<th scope="row">{_inline(cell(first))}</th>{cells}'


def _inline(text: str) -> str:
    def marked(found: re.Match[str]) -> str:
        code, strong = found.groups()
        return f"<strong>{strong}</strong>" if code is None else f"<code>{code}</code>"

    return _CODE.sub(marked, escape(text, quote=False))
