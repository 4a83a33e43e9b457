"""`python -m lcomp` and the `lcomp` command."""

import sys


def main() -> None:
    """Run the command line; an interrupt is quiet even while modules are still being imported."""
    try:
        from lcomp.cli.app import main as run

        run()
    except KeyboardInterrupt:
        print("lcomp: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
