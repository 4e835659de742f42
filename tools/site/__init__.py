"""The site of docs/: pages that are made from the code, and an extension that Sphinx needs for them."""
