#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A service that takes its listening socket at fd 3, as under systemd."""

import http.server
import os
import socket
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'hello from fd 3\n')


if (os.environ.get('LISTEN_PID') != str(os.getpid()) or
        os.environ.get('LISTEN_FDS') != '1'):
    sys.exit('hello: expects one socket, passed to this process')
listener = socket.socket(fileno=3)
listener.set_inheritable(False)     # close-on-exec
server = http.server.ThreadingHTTPServer(listener.getsockname(), Handler,
                                         bind_and_activate=False)
server.socket.close()
server.socket = listener
server.serve_forever()
