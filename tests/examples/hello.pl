# A service that takes its listening socket at fd 3, as under systemd.
# open() sets close-on-exec on what is above $^F, which is 2.

use strict;
use warnings;

die "hello: expects one socket, passed to this process\n"
    if ($ENV{LISTEN_PID} // '') ne $$ || ($ENV{LISTEN_FDS} // '') ne '1';
open my $listener, '+<&=', 3 or die "hello: fd 3: $!\n";
$SIG{PIPE} = 'IGNORE';
while (accept my $client, $listener) {
    syswrite $client, "HTTP/1.0 200 OK\r\n\r\nhello from fd 3\n"
        if sysread $client, my $request, 1024;
}
die "hello: accept: $!\n";
