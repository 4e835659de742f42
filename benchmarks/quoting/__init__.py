"""The figures that README.md and docs/ quote: the commands that print them, and the text that says them."""
