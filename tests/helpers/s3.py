"""A server that speaks as S3 does, and fails where it is told to."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

INTERNAL_ERROR = b"<Error><Code>InternalError</Code><Message>broken on purpose</Message></Error>"


@dataclass
class Faults:
    """An application that answers 500 for some requests."""

    application: Callable[[Environ, StartResponse], Iterable[bytes]]
    left: Counter[tuple[str, str]] = field(default_factory=Counter)  # how often for which method and path
    asked: Counter[str] = field(default_factory=Counter)  # requests so far, by method; LIST for listings

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked["LIST" if "list-type" in environ["QUERY_STRING"] else asked[0]] += 1
        if self.left[asked] <= 0:
            return self.application(environ, start_response)
        self.left[asked] -= 1
        if environ.get("CONTENT_LENGTH"):
            environ["wsgi.input"].read(16)  # in the middle of the upload
        start_response("500 Internal Server Error", [("Connection", "close"), ("Content-Type", "application/xml")])
        return [INTERNAL_ERROR]


@dataclass(frozen=True)
class Server:
    """Where it listens, and its faults."""

    url: str
    faults: Faults


@contextmanager
def s3_server() -> Iterator[Server]:
    """A server on the loopback address while the block runs."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    faults = Faults(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, faults, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", faults)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
