// A service that takes its listening socket at fd 3, as under systemd.
// node itself sets close-on-exec.

const { env, exit, pid } = process;

if (env.LISTEN_PID !== String(pid) || env.LISTEN_FDS !== '1') {
  console.error('hello: expects one socket, passed to this process');
  exit(1);
}
require('http')
  .createServer((request, response) => response.end('hello from fd 3\n'))
  .listen({ fd: 3 });
