"""Services as they are, told a port: each has a client that connects, and
asks, before the service is started, and gets its answer."""

import glob
import os
import shutil
import signal
import subprocess

import harness
from harness import DEADLINE, TOP, Tree, connect, environment, wait_for

CONFIGS = os.path.join(TOP, 'tests', 'servers')
PATH = ':'.join([os.environ.get('PATH', ''), '/usr/sbin', '/sbin',
                 *glob.glob('/usr/lib/postgresql/*/bin')])
HELD = ('sh', '-c', 'while [ ! -e go ]; do sleep 0.01; done; exec "$@"', 'sh')
MODULES = os.path.join(TOP, 'build', 'npm', 'node_modules')   # tests/deps
PYTHON = '/usr/bin/python3'         # which an ordinary user may execute
HTTP = b'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n'
TCP_SERVER = '''
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(4096)
        self.request.sendall(b'from socketserver')
address = '127.0.0.1', int(sys.argv[1])
socketserver.TCPServer(address, Handler).serve_forever()
'''


class Service:
    """COMMAND and how it is asked; files are of tests/servers."""

    def __init__(self, *command, options=(), files=(), asked=HTTP, answer,
                 root=True):
        self.command, self.options, self.files = command, options, files
        self.asked, self.answer, self.root = asked, answer, root


SERVICES = {
    'python': Service(PYTHON, '-m', 'http.server', '{port}',
                      answer=b'Directory listing'),
    'python_on_one_address': Service(
        PYTHON, '-m', 'http.server', '-b', '{host}', '{port}',
        answer=b'Directory listing'),
    'socketserver': Service(        # without SO_REUSEADDR
        PYTHON, '-c', TCP_SERVER, '{port}', answer=b'from socketserver'),
    'node': Service('node', 'server.js', options=('-e', 'PORT'),
                    files=('server.js',), answer=b'hello from node'),
    'node_cluster': Service('node', 'cluster.js', '{port}',
                            files=('cluster.js',), answer=b'a worker'),
    'npm_start': Service('npm', 'start', options=('-e', 'PORT'),
                         files=('server.js',), answer=b'hello from node'),
    'probing': Service('node', 'probing.js', '{port}',
                       files=('probing.js',), answer=b'developer'),
    'vite': Service('node', 'node_modules/vite/bin/vite.js', '--port',
                    '{port}', '--strictPort', answer=b'hello from vite'),
    'go': Service('./hello', '{port}', files=('hello.go',), answer=b'go\n'),
    'java': Service('java', 'Hello.java', '{port}', files=('Hello.java',),
                    answer=b'hello from java'),
    'php': Service('php', '-S', '{addr}', '-t', '.', answer=b'from php'),
    'webrick': Service('ruby', 'twice.rb', '{port}', files=('twice.rb',),
                       answer=b'first webrick'),
    'redis': Service('redis-server', '--port', '{port}', '--save', '',
                     asked=b'PING\r\n', answer=b'+PONG'),
    'memcached': Service('memcached', '-p', '{port}', '-U', '0', '-u',
                         'nobody', asked=b'version\r\n', answer=b'VERSION'),
    'postgres': Service(            # asked for TLS, which it has not
        'postgres', '-D', 'data', '-p', '{port}', '-c',
        'unix_socket_directories=', asked=bytes.fromhex('0000000804d2162f'),
        answer=b'N', root=False),
    'nginx': Service('nginx', '-p', '.', '-c', 'wired.conf',
                     options=('--map', '8080'), files=('wired.conf',),
                     answer=b'hello from nginx'),
    'caddy': Service('caddy', 'respond', '--listen', '{addr}',
                     'hello from caddy', answer=b'hello from caddy'),
}


class Servers(Tree):
    def setUp(self):
        super().setUp()
        self.env.update(environment(
            PATH=PATH, HOME=self.directory, PORT=None, XDG_DATA_HOME=None,
            XDG_CONFIG_HOME=None, npm_config_update_notifier='false'))
        self.write('index.php', 'from <?php echo "php\\n";')
        self.write('package.json', '{"scripts": {"start": "node server.js"}}')

    def need(self, name):
        if '/' not in name and shutil.which(name, path=PATH) is None:
            self.skipTest(f'{name} is not installed')

    def run_tool(self, *command, env=None, **options):
        self.need(command[0])
        done = subprocess.run(
            command, cwd=self.directory, env={**self.env, **(env or {})},
            capture_output=True, text=True, timeout=300, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def prepare(self, name, service, user):
        for file in service.files:
            shutil.copy(os.path.join(CONFIGS, file), self.directory)
        if name == 'vite':
            if not os.path.exists(MODULES + '/vite'):
                self.skipTest('vite is not installed')
            shutil.copytree(MODULES, self.path('node_modules'), symlinks=True)
            self.write('index.html', 'hello from vite')
        if name == 'go':
            self.run_tool('go', 'build', '-o', 'hello', 'hello.go', env={
                'CGO_ENABLED': '0', 'GO111MODULE': 'off',
                'GOCACHE': self.path('cache')})
        if name == 'postgres':
            self.run_tool('initdb', '-D', 'data', '-A', 'trust', '--no-sync',
                          **{key: value for key, value in user.items()
                             if key != 'program'})

    def start(self, service, user):
        """Held back; returns the front and its address."""
        with open(self.path('log'), 'w') as log:
            front = self.launch(
                '-v', '-k', '2', '-p', 'port', *service.options, '--', *HELD,
                *service.command, env=self.env, stdout=log, stderr=log,
                **user)
        wait_for(lambda: os.path.exists(self.path('port')) or
                 front.poll() is not None, 'the port')
        self.assertIsNone(front.poll(), self.read('log'))
        return front, '127.0.0.1:' + self.read('port').strip()

    def await_answer(self, client, service):
        """Reads until it is there: not all close the connection."""
        text = b''
        while service.answer not in text and (part := client.recv(4096)):
            text += part
        self.assertIn(service.answer, text)

    def check_again(self, name, service, address):
        """The service as it is, without anybody waiting for it."""
        if name == 'webrick':
            service = Service(answer=b'second webrick')

        def asks():
            try:
                with connect(address) as client:
                    client.sendall(service.asked)
                    self.await_answer(client, service)
                return True
            except ConnectionError:         # webrick is between the two
                if name != 'webrick':
                    raise
        wait_for(asks, 'the second answer')

    def check_service(self, name, user):
        service = SERVICES[name]
        self.need(service.command[0])
        self.prepare(name, service, user)
        front, address = self.start(service, user)
        try:
            with connect(address) as client:
                client.sendall(service.asked)
                self.write('go', '')
                self.await_answer(client, service)
            self.check_again(name, service, address)
            front.send_signal(signal.SIGTERM)
            front.wait(DEADLINE)
            self.assertEqual(self.left(), [])
        except (AssertionError, OSError) as error:
            self.fail(f'{error!r}\n{self.read("log")}')
        self.assertRegex(self.read('log'), r'process \d+ bound .*: given ')

    def test_two_with_one_port_wired_in(self):
        """Side by side, and nothing is on that port itself."""
        number = harness.free_number()
        service = Service(PYTHON, '-m', 'http.server', '-b', '127.0.0.1',
                          number, options=('-m', number), answer=b'Directory')
        addresses = set()
        for _ in range(2):
            addresses.add(self.start(service, {})[1])
            os.remove(self.path('port'))
        self.write('go', '')
        self.assertEqual(len(addresses), 2)
        for address in addresses:
            self.check_again('python', service, address)
        with self.assertRaises(ConnectionRefusedError):
            connect(f'127.0.0.1:{number}')


def add_tests(name, service):
    def as_oneself(self):
        self.check_service(name, {})

    def as_ordinary_user(self):
        self.check_service(name, self.as_ordinary_user())

    if service.root or not harness.is_root():
        setattr(Servers, f'test_{name}', as_oneself)
    if harness.is_root():
        setattr(Servers, f'test_{name}_as_ordinary_user', as_ordinary_user)


for each, row in SERVICES.items():
    add_tests(each, row)
