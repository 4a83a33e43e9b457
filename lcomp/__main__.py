"""`python -m lcomp` and the `lcomp` command."""

import atexit
import os
import signal
import sys

from lcomp.errors import InterruptError


def main() -> None:
    """Run the command line; an interrupt is quiet even while modules are still being imported.

    After it the process ends by it, which shells show as 130: else a loop in a script would go on.
    """
    code: str | int | None = 0

    def end() -> None:
        if code == InterruptError.exit_code and os.name == "posix":
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)

    atexit.register(end)  # the first to be registered is the last to be called
    try:
        from lcomp.cli.app import main as run

        code = run()
    except KeyboardInterrupt:
        print("lcomp: interrupted", file=sys.stderr)
        code = InterruptError.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
