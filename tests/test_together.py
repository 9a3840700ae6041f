# SPDX-License-Identifier: ISC
"""Real programs that bind portexec's port twice: what the kernel would say,
and no client unanswered.  `make check-servers` runs this with the services."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time

import harness
from harness import DEADLINE, connect, http_get, wait_for
from services import MODULES, PATH

SERVER = '''
const [port, name] = process.argv.slice(2);
const server = require("http").createServer((_, answer) =>
    answer.end(name || String(process.pid)));
server.on("error", error => {
    console.log(name, error.code);
    process.exit(1);
});
server.listen(Number(port), () => console.log(name, "listens"));
process.on("SIGUSR2", () => {       // it drains: a client is being answered
    console.log("drains");
    require("fs").writeFileSync("drains", "");
    const timer = setInterval(() => {
        if (require("fs").existsSync("over")) process.exit(0);
    }, 10);
});
'''

COVERED = '''
require("http").createServer((_, answer) => answer.end("here"))
    .listen(process.env.PORT, "127.0.0.1");
process.on("SIGINT", () => process.exit());
'''

BOTH = '''
import asyncio, sys
async def answer(reader, writer):
    await reader.readline()
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + writer.get_extra_info(
        "peername")[0].encode())
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, sys.argv[2:],
                                        int(sys.argv[1]))
    open("up", "w").close()
    await server.serve_forever()
asyncio.run(main())
'''

HAPROXY = '''
global
	{}
defaults
	mode http
	timeout client 60s
	timeout connect 60s
	timeout server 60s
frontend web
	bind "${{BIND}}"
	http-request return status 200 content-type text/plain lf-string "%pid"
'''
RELOAD = '''
haproxy -f haproxy.cfg & old=$!
until [ -e reload ]; do sleep 0.01; done
haproxy -f haproxy.cfg -sf $old & new=$!
wait $old
echo $new >reloaded
wait $new
'''


# Clients that have http://localhost:PORT wired in, and print what it says.
CLIENTS = {
    'node.js': ('node node.js', '''
        require("http").get("http://localhost:PORT", answer =>
            answer.on("data", data => console.log(String(data))));'''),
    'deno.js': ('deno run --allow-net deno.js', '''
        console.log(await (await fetch("http://localhost:PORT")).text());'''),
    'bun.js': ('bun bun.js', '''
        console.log(await (await fetch("http://localhost:PORT")).text());'''),
    'client.py': ('python3 client.py', '''
import urllib.request
print(urllib.request.urlopen("http://localhost:PORT").read().decode())'''),
    'Client.java': ('java Client.java', '''
        public class Client {
            public static void main(String[] arguments) throws Exception {
                System.out.println(new String(new java.net.URL(
                    "http://localhost:PORT").openStream().readAllBytes()));
            }
        }'''),
    'client.go': ('./client', '''
        package main
        import ("fmt"; "io"; "net/http")
        func main() {
            answer, _ := http.Get("http://localhost:PORT")
            text, _ := io.ReadAll(answer.Body)
            fmt.Println(string(text))
        }'''),
    'wired.test.js': ('jest --ci wired.test.js', '''
        test("it answers", async () => {
            const answer = await fetch("http://localhost:PORT");
            process.stdout.write(await answer.text());
            expect(answer.status).toBe(200);
        });'''),
    'browser.js': ('node browser.js', '''
        const { chromium } = require("MODULES/playwright-core");
        chromium.launch({ executablePath: "/usr/bin/chromium",
            args: ["--no-sandbox"] }).then(async browser => {
                const page = await browser.newPage();
                await page.goto("http://localhost:PORT");
                console.log(await page.textContent("body"));
                await browser.close();
            });'''),
}

# A page that asks its API, at a port that both have wired in.
VITE = '''
import { defineConfig } from "vite";
export default defineConfig({
    server: { strictPort: true,
              proxy: { "/api": "http://localhost:API" } } });
'''
API = '''
require("http").createServer((_, answer) => answer.end(process.env.NAME))
    .listen(API);
'''

NGINX = '''
daemon off;
worker_processes 3;
pid nginx.pid;
events {{}}
http {{
	access_log off;
	client_body_temp_path t1;
	proxy_temp_path t2;
	fastcgi_temp_path t3;
	uwsgi_temp_path t4;
	scgi_temp_path t5;
	server {{
		include nginx.listen;
		location / {{ return 200 hello; }}
	}}
}}
'''


class Together(harness.Binding):
    def setUp(self):
        super().setUp()
        for program in ('node', 'haproxy', 'curl', 'nginx', 'socat', 'java',
                        'go', 'chromium'):
            if shutil.which(program, path=PATH) is None:
                self.skipTest(f'no {program}: make deps-servers')
        self.env['PATH'] = f'{MODULES}/.bin:{PATH}'
        self.write('server.js', SERVER)

    def get(self, address):
        return http_get(address).partition('\r\n\r\n')[2]

    def answers(self, address, count=8):
        return {self.get(address) for _ in range(count)}

    def refused(self, process):
        """The line that names the one that is refused, and who has it."""
        found = []
        reader = threading.Thread(daemon=True, target=lambda: found.append(
            self.wait_for_line(process, r'process \d+ \(\w+\) cannot bind '
                               r'\S+: process \d+ \(\w+\) has it')))
        reader.start()
        reader.join(DEADLINE)
        self.assertEqual(len(found), 1, 'nobody was refused')

    def test_two_servers_under_concurrently(self):
        process = self.launch(
            '--', 'concurrently', '--raw', 'node server.js {port} one',
            'until [ -e up ]; do sleep 0.01; done; node server.js {port} two',
            env=self.env)
        address = self.announced(process)
        self.assertEqual(self.get(address), 'one')
        self.write('up', '')
        self.refused(process)
        self.assertEqual(self.answers(address), {'one'})
        process.terminate()
        process.wait(DEADLINE)
        self.assert_nothing_left()

    def test_clients_with_the_port_wired_in(self):
        port = str(harness.free_number())
        self.write('package.json', '{}')
        for name, (command, text) in CLIENTS.items():
            with self.subTest(name):
                self.write(name, text.replace('PORT', port).replace(
                    'MODULES', MODULES))
                if name.endswith('.go'):    # static: no library sees it
                    subprocess.run(
                        ['go', 'build', '-o', 'client', name], check=True,
                        cwd=self.directory, env={
                            **self.env, 'CGO_ENABLED': '0', 'GO111MODULE':
                            'off', 'GOFLAGS': '', 'GOCACHE':
                            self.path('cache')})
                done = self.run_portexec(
                    '-q', '-k', '2', '-m', port, '-c', command, '--', 'node',
                    'server.js', port, 'met', timeout=2 * DEADLINE,
                    env={**self.env, 'HOME': self.directory})
                self.assertIn('met', done.stdout)
                self.assert_nothing_left()

    def test_a_front_end_and_its_api(self):
        """Four copies, side by side."""
        web, api = (str(harness.free_number()) for _ in range(2))
        self.write('vite.config.mjs', VITE.replace('API', api))
        self.write('api.js', API.replace('API', api))
        self.write('index.html', 'here')
        os.symlink(MODULES, self.path('node_modules'))
        copies = [self.launch(
            '-q', '-l', 'web=0', '-l', 'api=0', '-m', web + '=web', '-m',
            api + '=api', '-e', f'NAME=copy {number}', '-c',
            f'curl -fsS --retry 60 --retry-all-errors -m 60 '
            f'http://127.0.0.1:{web}/api', '--', 'sh', '-c',
            f'node api.js & exec vite --logLevel silent --host 127.0.0.1 '
            f'--port {web}',
            env=self.env) for number in range(4)]
        for number, process in enumerate(copies):
            output, errors = process.communicate(timeout=4 * DEADLINE)
            self.assertEqual((process.returncode, output),
                             (0, f'copy {number}'), errors)
        self.assert_nothing_left()

    def test_c8_writes_its_report(self):
        """It makes it at the end of what it runs, which ends at INT."""
        self.write('covered.js', COVERED)
        self.run_portexec(
            '-q', '-s', 'INT', '-e', 'PORT', '-c', 'curl -fsS {addr} -o got',
            '--', 'c8', '-r', 'json', 'node', 'covered.js', env=self.env)
        self.assertEqual(self.read('got'), 'here')
        self.assertIn('covered.js', self.read('coverage/coverage-final.json'))

    def test_nodemon_starts_the_new_one_while_the_old_one_drains(self):
        """Natively, too, with --exec, it fails then."""
        process = self.launch(
            '--', 'nodemon', '--quiet', '--signal', 'SIGUSR2', '--watch',
            'watched', '--exec', 'node server.js {port}', env=self.env)
        os.mkdir(self.path('watched'))
        address = self.announced(process)
        first = self.get(address)

        def change():
            self.write('watched/file.js', str(time.monotonic()))
            return os.path.exists(self.path('drains'))
        wait_for(change, 'the restart')
        self.refused(process)
        self.assertEqual(self.answers(address), {first})
        self.write('over', '')
        process.terminate()
        process.wait(DEADLINE)
        self.assert_nothing_left()

    def test_haproxy_takes_over_from_itself(self):
        """By SO_REUSEPORT, and every client is answered.  Where that is off,
        it asks the old one to let go when bind(2) says EADDRINUSE.  The old
        one shuts its socket down then: a client is refused or reset,
        natively too."""
        for option, is_refused in ('', False), ('noreuseport', True):
            with self.subTest(option):
                self.write('haproxy.cfg', HAPROXY.format(option))
                process = self.launch('-e', 'BIND=<addr>', '--', 'sh', '-c',
                                      RELOAD, env=self.env)
                address = self.announced(process)
                pids = {self.get(address)}
                self.write('reload', '')
                while not os.path.exists(self.path('reloaded')):
                    with contextlib.suppress(
                            *[ConnectionError] * is_refused):
                        pids.add(self.get(address))
                pids |= self.answers(address)
                self.assertEqual(len(pids), 2)
                if is_refused:
                    self.refused(process)
                process.terminate()
                process.wait(DEADLINE)
                self.assert_nothing_left()
                os.unlink(self.path('reload'))
                os.unlink(self.path('reloaded'))

    def test_nginx_with_and_without_reuseport(self):
        """Three workers share one socket; or each has its own, natively."""
        for option in '', ' reuseport':
            with self.subTest(option):
                self.write('nginx.conf', NGINX.format())
                process = self.launch(
                    '-w', f'{self.path("nginx.listen")}=listen {{addr}}'
                    f'{option};', '--', 'nginx', '-e', 'stderr', '-p',
                    self.directory, '-c', 'nginx.conf', env=self.env)
                address = self.announced(process)
                with contextlib.ExitStack() as stack:
                    clients = [stack.enter_context(connect(address))
                               for _ in range(40)]
                    for client in clients:
                        client.sendall(b'GET / HTTP/1.0\r\n\r\n')
                    for client in clients:
                        self.assertIn(b'hello', harness.read_all(client))
                process.terminate()
                process.wait(DEADLINE)
                self.assert_nothing_left()

    def test_socat_has_a_udp_socket_for_each_client(self):
        """It connects the one that a client came to, and binds the next.  In
        between nobody has the port, and another client asks again."""
        process = self.launch(
            '-l', 'udp:0', '--', 'socat',
            'UDP4-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork', 'EXEC:cat',
            env=self.env)
        address = self.announced(process)
        clients = [connect(address, socket.SOCK_DGRAM) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
        for round_ in range(3):
            for number, client in enumerate(clients):
                text = b'%d %d' % (number, round_)
                for _ in range(100):
                    with contextlib.suppress(ConnectionRefusedError):
                        client.send(text)
                        self.assertEqual(client.recv(100), text)
                        break
                    time.sleep(0.01)
                else:
                    self.fail('refused')
        process.terminate()
        process.wait(DEADLINE)
        self.assert_nothing_left()

    def test_localhost_and_both_families(self):
        """A client that tries [::1] first is answered, whatever the service
        asks for, in whatever order."""
        self.write('both.py', BOTH)
        for hosts in (['127.0.0.1'], ['127.0.0.1', '::1'],
                      ['::1', '127.0.0.1'], ['0.0.0.0']):
            with self.subTest(hosts):
                process = self.launch(
                    '-l', 'localhost:0', '--', 'python3', 'both.py', '{port}',
                    *hosts, env=self.env)
                port = self.announced(process).rpartition(':')[2]
                wait_for(lambda: os.path.exists(self.path('up')), 'the start')
                done = self.run_portexec(
                    '-fsS', '--noproxy', '*', '-m', '60', '--resolve',
                    f'localhost:{port}:[::1],127.0.0.1',
                    f'http://localhost:{port}/', program='curl')
                self.assertEqual(
                    done.stdout, '::1' if '::1' in hosts else '127.0.0.1')
                process.terminate()
                process.wait(DEADLINE)
                self.assert_nothing_left()
                os.unlink(self.path('up'))

