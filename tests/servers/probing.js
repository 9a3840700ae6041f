// As development servers do (vite, esbuild): sees that the port of the
// argument is free, by binding it on every address, and then binds it again.

const http = require('http');
const net = require('net');
const port = Number(process.argv[2]);

function probe(hosts) {
    if (hosts.length === 0) {
        http.createServer((request, response) => response.end('developer\n'))
            .listen(port, 'localhost');
        return;
    }
    const trial = net.createServer();
    trial.once('error', (error) => {
        console.error(error.message);
        process.exit(1);
    });
    trial.listen(port, hosts[0], () => trial.close(() => probe(hosts.slice(1))));
}

probe(['0.0.0.0', '127.0.0.1', '::', '::1']);
