"""What is measured on a document: one file per check.

Imports neither Ray nor FastAPI; :mod:`deployments` wraps it.
"""
