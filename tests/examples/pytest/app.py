# SPDX-License-Identifier: ISC
"""An app that counts its visits in Redis: app.py --port PORT."""

import http.server
import os
import socket
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        address = ('127.0.0.1', int(os.environ['REDIS_PORT']))
        with socket.create_connection(address) as redis:
            redis.sendall(b'INCR visits\r\n')
            count = redis.makefile('rb').readline()     # b':1\r\n'
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'visit %d\n' % int(count[1:]))


http.server.HTTPServer(
    ('127.0.0.1', int(sys.argv[2])), Handler).serve_forever()
