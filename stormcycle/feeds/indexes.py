"""HTTP index pages: the names of the files in a folder, whichever server drew the page."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

INDEX_MARKS = re.compile(r"<(title|h1)[^>]*>[^<]*(index of|directory listing)|parent directory|<a\s[^>]*href\s*=\s*[\"']?\.\./?[\"'\s>]", re.IGNORECASE)
"""What a page says that lists a folder, even an empty one: Apache, nginx, lighttpd, IIS, Python's http.server."""


class _Links(HTMLParser):
    """The targets of a page's links, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the target of a link."""
        if tag == "a":
            self.targets += [value for name, value in attrs if name == "href" and value]


def index_names(page: str, url: str) -> list[str]:
    """The names of what lies directly in the folder `url` (with a slash at its end) by its index page, sorted, each once.

    Links to other hosts, above the folder, below its subfolders, or with a query (sorting) are none of it.
    """
    links = _Links()
    links.feed(page)
    folder, names = urlsplit(url), set()
    for link in links.targets:
        try:
            target = urlsplit(urljoin(url, link))
        except ValueError:  # not a URL at all
            continue
        above, _, name = unquote(target.path).rpartition("/")
        if target.netloc.lower() == folder.netloc.lower() and target.scheme in ("http", "https") and above + "/" == unquote(folder.path) and not target.query:
            names.add(name)
    return sorted(names - {""})


def is_index(page: str) -> bool:
    """Whether a page without a name that we look for still is a folder's listing, by what such pages say."""
    return INDEX_MARKS.search(page) is not None
