from __future__ import annotations

from html.parser import HTMLParser

from evaluation.blocks import Block, Heading, Plot, Table, Text, markdown, page

SVG = '<svg width="10" height="10"><path d="M0 0L1 1"/></svg>'
BLOCKS: list[Block] = [
    Heading("pad & co", 1),
    Text("On `a|b <c>`: **poor**."),
    Table(("kind", "AUC"), (("print|bent", 0.12345), ("tablet", None), ("mask", 7))),
    Plot(SVG, 'Share of "attacks"', "roc.png"),
    Plot(SVG, "Only on the page"),
]


def test_as_markdown() -> None:
    assert markdown(BLOCKS) == (
        "# pad & co\n\n"
        "On `a|b <c>`: **poor**.\n\n"
        "| kind | AUC |\n| --- | --- |\n| print\\|bent | 0.123 |\n| tablet | — |\n| mask | 7 |\n\n"
        '![Share of "attacks"](roc.png)\n'
    )


class Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_as_a_page_that_needs_nothing_else() -> None:
    content = page("pad & co", BLOCKS)
    parts = Parts()
    parts.feed(content)
    assert "<title>pad &amp; co</title>" in content
    assert "<code>a|b &lt;c&gt;</code>: <strong>poor</strong>." in content
    assert "<td>0.123</td>" in content
    assert not parts.all("script")
    assert not parts.all("link")
    assert not parts.all("img")
    assert "prefers-color-scheme: dark" in content


def test_the_page_speaks_to_those_who_do_not_see_it() -> None:
    parts = Parts()
    parts.feed(page("pad", BLOCKS))
    assert [svg["aria-label"] for svg in parts.all("svg")] == [
        'Share of "attacks"',
        "Only on the page",
    ]
    assert all(svg["role"] == "img" for svg in parts.all("svg"))
    assert [th["scope"] for th in parts.all("th")] == ["col", "col", "row", "row", "row"]
    assert parts.all("html")[0]["lang"] == "en"
