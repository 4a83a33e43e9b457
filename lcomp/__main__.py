"""`python -m lcomp` and the `lcomp` command."""

import atexit
import os
import signal
import sys

from lcomp.errors import InterruptError


def main() -> None:
    """Run the command line; Ctrl-C leaves no traceback, even while modules are still being imported.

    After an interrupt the process kills itself with SIGINT, which shells report as 130: with a plain exit code, a loop
    in a shell script would go on.
    """
    code: str | int | None = 0

    def end() -> None:
        if code == InterruptError.exit_code and os.name == "posix":
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)

    atexit.register(end)  # atexit handlers run in reverse order of registration: this one runs last
    try:
        from lcomp.cli.app import main as run

        code = run()
    except KeyboardInterrupt:
        print("lcomp: interrupted", file=sys.stderr)
        code = InterruptError.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
