#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A service that is told its port: server.py --port PORT."""

import argparse
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = f'hello from {self.path}\n'.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)


parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, required=True)
server = http.server.ThreadingHTTPServer(
    ('127.0.0.1', parser.parse_args().port), Handler)
server.serve_forever()
