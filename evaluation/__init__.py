"""How well the checks do on labelled data: error rates with intervals, and reports.

Measures with the same code as the graph, in this process, and imports neither Ray nor FastAPI. The
words are those of ISO/IEC 30107-3: an image is a *bona fide* presentation or an *attack*, the kind
of an attack is its *PAI species*, and an image without a score is a *non-response*.
"""
