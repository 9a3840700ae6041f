// A service that is told its port: PORT=0 node server.js.

require('node:http')
  .createServer((request, response) => response.end('hello\n'))
  .listen(process.env.PORT, '127.0.0.1');
