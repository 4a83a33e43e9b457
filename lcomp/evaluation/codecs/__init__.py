"""Every codec that is measured, a class each: lcomp's models and the libraries a user would pick instead.

To add one, write a class that derives from `Adapter` in a module of its own and name it in `registry`. The tests of
every codec (`tests/evaluation/test_codecs.py`) then apply to it.
"""
