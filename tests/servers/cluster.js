// Two workers for the port of the argument: the first process binds it.

const cluster = require('cluster');

if (cluster.isPrimary) {
    cluster.fork();
    cluster.fork();
} else {
    require('http')
        .createServer((request, response) => response.end('a worker\n'))
        .listen(Number(process.argv[2]));
}
