"""A second decoder of `.lic` files, in NumPy: docs/FORMAT.md put into code.

It was written from that page alone and shares nothing with lcomp: neither lcomp nor torch is imported, and the entropy
coders are its own. Pillow reads the WebP and PNG that some sections hold. Modules name the part of the page that they
are made of, and use its names. It is there to be read and compared with, not to be fast:

    PYTHONPATH=tests python -m second picture.lic picture.png
"""
