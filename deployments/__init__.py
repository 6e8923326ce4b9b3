"""How each node of the graph is served. Nothing is measured or decided here."""
