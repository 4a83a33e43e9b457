"""`python -m lcomp`."""

from lcomp.cli.app import main

if __name__ == "__main__":
    main()
