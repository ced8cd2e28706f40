"""A small web application on Python's own server.

web.py HOST PORT      answers every request with a page made for it
"""

import json
import sys
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import Template

ROWS = 20
PAGE = Template("<!doctype html><title>$path</title><table>$rows</table><script>const orders = $orders</script>")
ROW = Template("<tr><td>$number<td>$name<td>$price")


def page(path: str) -> bytes:
    """Return a table of orders and the same orders as JSON."""
    orders = [{"number": n, "name": f"<order {n} of {path}>", "price": f"{n * 1.07:.2f}"} for n in range(ROWS)]
    rows = "".join(ROW.substitute({key: escape(str(value)) for key, value in order.items()}) for order in orders)
    return PAGE.substitute(path=escape(path), rows=rows, orders=json.dumps(orders)).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers on a kept connection, header and page in one packet."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Send the page."""
        content = page(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a line for each request would be another job."""


if __name__ == "__main__":
    with ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()
