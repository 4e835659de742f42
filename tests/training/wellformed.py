"""Whether a piece of HTML is well formed and runs nothing, and which addresses it names."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "input", "link", "wbr"}


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.addresses, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.wrong.append(f"<{tag}> has an attribute twice")
        self.wrong += [f"<{tag} {name}>" for name in names if name.startswith("on")] + ["<script>"] * (tag == "script")
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")


def read(page):
    """The reader after the page: `wrong`, `addresses`, `ids`."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    reader.wrong += [f"<{tag}> is never closed" for tag in reader.open]
    reader.wrong += [f"id {one} is there twice" for one in {one for one in reader.ids if reader.ids.count(one) > 1}]
    return reader


def check_page(page, folder=None, scripts=0):
    """Well formed, with so many scripts; what it names is in the page, in its text, or a file in `folder`."""
    found = read(page)
    assert found.wrong == ["<script>"] * scripts
    for address in found.addresses:
        if address.startswith("#"):
            assert address[1:] in found.ids, address
        elif not address.startswith("data:image/"):
            assert folder is not None, address
            assert (folder / address).exists(), f"the page links {address}, which is not there"
