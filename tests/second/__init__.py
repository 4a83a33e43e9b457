"""A second decoder of `.lic` files: docs/FORMAT.md, in NumPy alone.

It was written from that page, and shares no code with lcomp: neither lcomp nor torch is imported. Each module names the
part of the page that it puts into code, with the page's names. It is made to be read and compared, not to be fast.

    PYTHONPATH=tests python -m second picture.lic picture.png
"""
