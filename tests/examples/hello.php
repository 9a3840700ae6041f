<?php
// A service that takes its listening socket at fd 3, as under systemd.  It
// needs the extension "sockets".  PHP has no call that sets close-on-exec: a
// process that it starts has the socket, too.

if (getenv('LISTEN_PID') !== (string) getmypid() ||
        getenv('LISTEN_FDS') !== '1') {
    fwrite(STDERR, "hello: expects one socket, passed to this process\n");
    exit(1);
}
$stream = fopen('php://fd/3', 'r+');    // closes the socket when it goes
$listener = socket_import_stream($stream);
while ($client = socket_accept($listener)) {
    if (@socket_read($client, 1024)) {
        @socket_write($client, "HTTP/1.0 200 OK\r\n\r\nhello from fd 3\n");
    }
    socket_close($client);
}
exit(1);
