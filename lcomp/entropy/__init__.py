"""Exact entropy coding: integer tables, grouping of symbols, coder backends."""
