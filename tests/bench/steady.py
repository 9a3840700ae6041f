# SPDX-License-Identifier: ISC
"""Steady state: what a service does that runs under portexec."""

import csv
import os
import re
import subprocess

import bench
import harness
from bench import STATIC, spread

NGINX = '''
worker_processes 1;
daemon off;
pid FOLDER/pid;
error_log FOLDER/error;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen 127.0.0.1:PORT;
        location / { return 200 "hello\\n"; }
    }
}
'''


def redis(path, port):
    return ('redis-server', '--port', port, '--bind', '127.0.0.1', '--save',
            '', '--dir', path)


def nginx(path, port):
    name = os.path.join(path, 'nginx.conf')
    with open(name, 'w') as file:
        file.write(NGINX.replace('FOLDER', path).replace('PORT', port))
    return ('nginx', '-c', name)


def ask_redis(port):
    """Requests per second, and the 99th percentile in ms."""
    done = subprocess.run(
        ['redis-benchmark', '-p', port, '-t', 'get', '-c', '20', '-n',
         str(bench.rounds(100000, 10000)), '--csv'], check=True,
        capture_output=True, text=True)
    row, = csv.DictReader(done.stdout.splitlines())
    return float(row['rps']), float(row['p99_latency_ms'])


def ask_nginx(port):
    done = subprocess.run(
        ['wrk', '-t1', '-c20', f'-d{bench.rounds(2, 1)}s', '--latency',
         f'http://127.0.0.1:{port}/'], check=True, capture_output=True,
        text=True)
    rate = re.search(r'Requests/sec: +([\d.]+)', done.stdout)
    late = re.search(r'99% +([\d.]+)(us|ms|s)\n', done.stdout)
    return (float(rate[1]),
            float(late[1]) * {'us': 0.001, 'ms': 1, 's': 1000}[late[2]])


SERVICES = {'redis': (redis, b'PING\r\n', ask_redis),
            'nginx': (nginx, b'GET / HTTP/1.0\r\n\r\n', ask_nginx)}
NATIVE, ADOPTED = '4001', '4002'


def run_once(make, hello, ask, adopted):
    """Starts the service, asks it once it answers, and ends it."""
    port = ADOPTED if adopted else NATIVE
    with bench.folder() as path:
        words = make(path, port)
        if adopted:
            words = (STATIC, '-q', '-H', 'adopt', '-l', port, '--', *words)
        process = bench.spawn(words)
        try:
            harness.wait_for(lambda: answers(port, hello), words[0])
            return ask(port)
        finally:
            bench.end([process])


def answers(port, hello):
    """A client may wait in the queue while an adopted service starts."""
    try:
        with harness.connect('127.0.0.1:' + port) as client:
            client.sendall(hello)
            return client.recv(100) != b''
    except OSError:
        return False


def compare(*service):
    """Requests per second and p99, as two lists of (native, adopted)."""
    rates, lates = [], []
    for number in range(bench.rounds(10)):
        pair = {adopted: run_once(*service, adopted)
                for adopted in (number % 2 == 0, number % 2 == 1)}
        rates.append((pair[False][0], pair[True][0]))
        lates.append((pair[False][1], pair[True][1]))
    return rates, lates


def measure():
    section = bench.Section('steady', 'Steady state')
    rows = [('service', 'what', 'adopted to native', 'native', 'adopted')]
    points = []
    for name, service in SERVICES.items():
        for what, digits, pairs in zip(('requests/s', 'p99, ms'), (0, 3),
                                       compare(*service)):
            ratio = spread(adopted / native for native, adopted in pairs)
            rows.append((name, what, ratio.text(3),
                         *(spread(values).text(digits)
                           for values in zip(*pairs))))
            points.append((f'{name}, {what}', *ratio))
            section.goal(f'{name}, {what}: 1.00 within the spread',
                         ratio.text(3),
                         round(ratio.low, 2) <= 1 <= round(ratio.high, 2))
    section.say('''
The service by itself and adopted by portexec, in turn,
each time started anew; redis is asked by redis-benchmark (GET, 20
connections), nginx by wrk (one thread, 20 connections). Once the socket is
handed over, portexec takes no part in what goes over it; bind(2) is the only
system call that its filter looks at. Each is asked once before it is measured:
the first client of an adopted service may have waited for its start.
''')
    section.table(*rows)
    section.plot('steady', '''
set yrange [0.5:*]
set ylabel 'adopted to native'
set xrange [-0.5:3.5]
unset key
plot $data using 0:3:2:4:xtic(1) with yerrorbars lw 2 pt 7 lc rgb '#4477aa', \\
    1 lc rgb '#222222'
''', {'data': points}, 'The ratio of adopted to native')
    return section
