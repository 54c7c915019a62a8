"""Checks that every link and picture of a built website leads to a file, and every anchor to a place in it.

.venv/bin/python scripts/docs_links.py build/docs/site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The targets that a page names, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collects href, src, id and name."""
        for name, value in attributes:
            if value and name in ("href", "src"):
                self.targets.append(value)
            if value and (name == "id" or (name == "name" and tag == "a")):
                self.anchors.add(value)


def broken(site: Path) -> list[str]:
    """Every target that leads nowhere, as "page: target"."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        # The page for what is missing is shown under any address, so its links begin at the site's root.
        if path.name == "404.html":
            continue
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if place.is_dir():
                place /= "index.html"
            anchor = unquote(parts.fragment)
            there = pages.get(site / place.relative_to(site.resolve())) if place.suffix == ".html" else None
            if not place.exists() or (anchor and there is not None and anchor not in there.anchors):
                found.append(f"{path.relative_to(site)}: {target}")
    if not pages:
        found.append(f"{site} has no pages")
    return found


def main() -> int:
    """0 where every link holds."""
    site = Path(sys.argv[1])
    wrong = broken(site)
    for line in wrong:
        print(f"broken link: {line}", file=sys.stderr)
    print(f"{len(list(site.rglob('*.html')))} pages, {len(wrong)} broken links")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
