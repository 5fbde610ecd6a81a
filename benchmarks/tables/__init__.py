"""Tables of the committed results, in Markdown; docs/results.md and the README show them."""
