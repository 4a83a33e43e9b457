"""Every metric, a class each.

To add one, write a class that derives from `Metric` in a module of its own and name it in `registry`. Rows, tables,
plots, BD-rates and the report take it from there, and the tests of every metric (`tests/evaluation/test_metrics.py`)
apply to it.
"""
