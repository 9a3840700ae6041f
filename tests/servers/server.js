// For node: takes the socket at fd 3, or the port that PORT names.

const port = process.env.PORT;

require('http')
    .createServer((request, response) => response.end('hello from node\n'))
    .listen(port ? { port } : { fd: 3 });
