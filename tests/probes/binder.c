/* SPDX-License-Identifier: ISC */
/*
 * A service that does with its sockets what the arguments say, one step
 * after the other:
 *
 *	binder socket=tcp4 bind=127.0.0.1:4711 listen answer=2
 *
 * Steps work on the current socket, the last that was made unless "use"
 * says otherwise; sockets are numbered from 0 as they are made.
 *
 *	socket=KIND	tcp4 tcp6 mptcp4 udp4 udp6 unix unixgram unixpacket
 *			netlink
 *	dup		one more number for it, not the current one
 *	over=N		dup2(2) onto the descriptor of socket N, which is the
 *			current one then
 *	flight, land	sends it to ourselves (SCM_RIGHTS) and closes it;
 *			receives it as one more, the current one
 *	use=N		makes socket N the current one
 *	cloexec, nonblock	set with fcntl(2)
 *	set=NAME:VALUE	a socket option of the table below
 *	show=NAME	says "NAME VALUE"; cloexec, nonblock, fd and pid too
 *	bind=ADDRESS	says what came of it: "bind given" where it is
 *			another socket now, "bind own", or "bind EINVAL"
 *	wild=, short=, long=, unspecified=ADDRESS	bind(2) with a bad
 *			pointer, bad lengths, a length of 120, AF_UNSPEC
 *	unlink=PATH	says nothing
 *	listen[=N]	says "listen EINVAL" if it fails
 *	shutdown, close
 *	where, peer	says what getsockname(2) does, and getpeername(2)
 *	move=FD		the current socket is that descriptor from now on
 *	take=FD		the same with one that was inherited
 *	connect=ADDRESS, disconnect
 *			the current one; says what came of it
 *	patience=MS	SO_SNDTIMEO
 *	ready		waits until it is connected, or is not, and says which
 *	ask		says what it is sent until the end
 *	crowd=ADDRESS	four clients, which nobody takes
 *	answer[=N]	to N clients "K\n", K being the name and the socket's
 *			number
 *	greet[=N]	the same; says who they are, or why there is none
 *	glance		one accept(2) that does not wait: says what came of it
 *	client=NAME	takes a client, and shows that option of its socket
 *	tally		the same until there is none: were there some?
 *	latch		answers one datagram, connected to who sent it
 *	serve=FILE	the same on all sockets, without blocking, until FILE
 *			is there
 *	select=N	the same on all sockets in one select loop, accept(2)
 *			blocking where the socket is
 *	accept=N	the same in a thread for each socket
 *	visit=ADDRESS	connects a client of its own
 *	epoll=MODE	level or edge: adds the socket to a new epoll
 *	modify=MODE	the same, changing what was added
 *	event[=0]	waits for one, or not: "event DATA" or "event none"
 *	fork, split	goes on in a child, or in both
 *	spawn=STEPS	a child that does these, with blanks in between
 *	vfork=STEPS	the same with our memory, while we wait, as vfork(2)
 *	run=STEPS	the same, as a new program
 *	exec=STEPS	becomes a new program
 *	join		waits for a spawned child, the last first, and says how
 *			it ended
 *	leave		ends now, and waits for no child
 *	name=NAME	what is said from now on begins with "NAME: "
 *	say=TEXT
 *	exit=N, raise=N	ends, or gets signal N
 *	session		setsid(2)
 *	environ=PREFIX	says the variables that begin so
 *	powerless	gives up all capabilities
 *	thread=MODE	goes on in a thread; the first "waits" or is "ended"
 *	namespace	goes on in a network of its own
 *	dumpable=0	PR_SET_DUMPABLE
 *	hear=FILE	makes it, waits for INT, TERM, HUP or QUIT and what
 *			follows in a moment, and says "told TERM 1"
 *	relay=STEPS	a new program that does these, and is told what this
 *			process hears; says that, and how it ended
 *	ignored		says which of these signals are ignored
 *	input[=now]	says a line of standard input; "input end", or with
 *			"now" perhaps "input none"
 *	-		goes on with the steps that standard input has
 *	timer=MODE	from now on a signal every 200 us, whose handler has
 *			a call "restart", or does "interrupt" it; or "off";
 *			or one signal that interrupts, after 0.3 s: "once"
 *	storm=THREADS,COUNT,ADDRESS
 *			makes COUNT sockets in all, with SO_REUSEPORT, bound
 *			to port 0 and to ADDRESS in turn; says "storm COUNT"
 *	foreign=THREADS,COUNT
 *			the same to port 0 and to another that is nobody
 *			else's; none is given; says "foreign COUNT"
 *	wait=FILE	until it is there
 *	touch=FILE	makes it
 *
 * What is said goes to standard output, a line each.  A step that fails and
 * does not say so ends it with status 1, or 77 where namespaces are forbidden;
 * after a minute, or ten for a storm, SIGALRM does.
 */

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS_MAX = 64, CHILDREN_MAX = 16, STEPS_MAX = 64, SECONDS_MAX = 60,
	TICK = 200000 };

struct machine {
	int	sockets[SOCKETS_MAX];
	int	count, current;
	int	epoll;
	int	flight[2];	/* a pair, whose second has what was sent */
	timer_t	timer;
	pid_t	child;		/* of split */
	pid_t	children[CHILDREN_MAX];
	int	children_count;
	char	**next;
};

struct address {
	socklen_t	length;
	union {
		struct sockaddr		any;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
		struct sockaddr_un	un;
		struct sockaddr_nl	nl;
		struct sockaddr_storage	storage;
	} u;
};

static const struct kind {
	const char	*name;
	int		domain, type, protocol;
} kinds[] = {
	{ "tcp4", AF_INET, SOCK_STREAM, 0 },
	{ "tcp6", AF_INET6, SOCK_STREAM, 0 },
	{ "mptcp4", AF_INET, SOCK_STREAM, 262 },
	{ "udp4", AF_INET, SOCK_DGRAM, 0 },
	{ "udp6", AF_INET6, SOCK_DGRAM, 0 },
	{ "unix", AF_UNIX, SOCK_STREAM, 0 },
	{ "unixgram", AF_UNIX, SOCK_DGRAM, 0 },
	{ "unixpacket", AF_UNIX, SOCK_SEQPACKET, 0 },
	{ "netlink", AF_NETLINK, SOCK_RAW, 0 },
};

static const struct option {
	const char	*name;
	int		level, option;
} options[] = {
	{ "reuseaddr", SOL_SOCKET, SO_REUSEADDR },
	{ "reuseport", SOL_SOCKET, SO_REUSEPORT },
	{ "rcvbuf", SOL_SOCKET, SO_RCVBUF },
	{ "sndbuf", SOL_SOCKET, SO_SNDBUF },
	{ "keepalive", SOL_SOCKET, SO_KEEPALIVE },
	{ "linger", SOL_SOCKET, SO_LINGER },
	{ "listens", SOL_SOCKET, SO_ACCEPTCONN },
	{ "domain", SOL_SOCKET, SO_DOMAIN },
	{ "protocol", SOL_SOCKET, SO_PROTOCOL },
	{ "type", SOL_SOCKET, SO_TYPE },
	{ "error", SOL_SOCKET, SO_ERROR },
	{ "keepidle", IPPROTO_TCP, TCP_KEEPIDLE },
	{ "keepintvl", IPPROTO_TCP, TCP_KEEPINTVL },
	{ "keepcnt", IPPROTO_TCP, TCP_KEEPCNT },
	{ "defer", IPPROTO_TCP, TCP_DEFER_ACCEPT },
	{ "nodelay", IPPROTO_TCP, TCP_NODELAY },
	{ "maxseg", IPPROTO_TCP, TCP_MAXSEG },
	{ "fastopen", IPPROTO_TCP, TCP_FASTOPEN },
	{ "fastconnect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT },
	{ "timeout", IPPROTO_TCP, TCP_USER_TIMEOUT },
	{ "tos", IPPROTO_IP, IP_TOS },
	{ "ttl", IPPROTO_IP, IP_TTL },
	{ "v6only", IPPROTO_IPV6, IPV6_V6ONLY },
	{ "tclass", IPPROTO_IPV6, IPV6_TCLASS },
	{ "hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS },
};

/* What this process is called. */
static char own_name[32];

static void	run(struct machine *machine);
static void	say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* One write(2) a line: several processes and threads may speak. */
static void
say(const char *format, ...)
{
	char line[256];
	va_list list;
	int length = snprintf(line, sizeof(line), "%s%s", own_name,
	    *own_name == '\0' ? "" : ": ");

	va_start(list, format);
	length += vsnprintf(line + length, sizeof(line) - 1 - (size_t)length,
	    format, list);
	va_end(list);
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		err(1, "standard output");
}

static int
current(const struct machine *machine)
{
	return machine->sockets[machine->current];
}

static void
append(struct machine *machine, int fd)
{
	if (fd == -1 || machine->count == SOCKETS_MAX)
		err(1, "socket %d", machine->count);
	machine->sockets[machine->count++] = fd;
}

static void
do_socket(struct machine *machine, const char *value)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, value) == 0) {
			append(machine, socket(kinds[i].domain, kinds[i].type,
			    kinds[i].protocol));
			machine->current = machine->count - 1;
			return;
		}
	errx(2, "socket=%s", value);
}

static void
do_dup(struct machine *machine, const char *value)
{
	(void)value;
	append(machine, dup(current(machine)));
}

static void
do_over(struct machine *machine, const char *value)
{
	int number = atoi(value);

	if (dup2(current(machine), machine->sockets[number]) == -1)
		err(1, "over=%s", value);
	machine->current = number;
}

/* A message of one byte, with room for one descriptor. */
struct parcel {
	char		byte;
	struct iovec	vector;
	_Alignas(struct cmsghdr) char	control[CMSG_SPACE(sizeof(int))];
	struct msghdr	message;
};

static struct cmsghdr *
wrap(struct parcel *parcel)
{
	memset(parcel, 0, sizeof(*parcel));
	parcel->vector = (struct iovec){ &parcel->byte, 1 };
	parcel->message = (struct msghdr){ .msg_iov = &parcel->vector,
	    .msg_iovlen = 1, .msg_control = parcel->control,
	    .msg_controllen = sizeof(parcel->control) };
	return CMSG_FIRSTHDR(&parcel->message);
}

static void
do_flight(struct machine *machine, const char *value)
{
	struct parcel parcel;
	struct cmsghdr *header = wrap(&parcel);

	(void)value;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &machine->sockets[machine->current],
	    sizeof(int));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    machine->flight) == -1 ||
	    sendmsg(machine->flight[0], &parcel.message, 0) == -1)
		err(1, "flight");
	close(current(machine));
}

static void
do_land(struct machine *machine, const char *value)
{
	struct parcel parcel;
	struct cmsghdr *header = wrap(&parcel);
	int fd;

	(void)value;
	if (recvmsg(machine->flight[1], &parcel.message, 0) == -1)
		err(1, "land");
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	append(machine, fd);
	machine->current = machine->count - 1;
}

static void
do_use(struct machine *machine, const char *value)
{
	machine->current = atoi(value);
}

static void
do_cloexec(struct machine *machine, const char *value)
{
	(void)value;
	if (fcntl(current(machine), F_SETFD, FD_CLOEXEC) == -1)
		err(1, "cloexec");
}

static void
do_nonblock(struct machine *machine, const char *value)
{
	(void)value;
	if (fcntl(current(machine), F_SETFL, O_RDWR | O_NONBLOCK) == -1)
		err(1, "nonblock");
}

static const struct option *
find_option(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strlen(options[i].name) == length &&
		    strncmp(options[i].name, name, length) == 0)
			return &options[i];
	errx(2, "no option %s", name);
}

static void
do_set(struct machine *machine, const char *value)
{
	size_t length = strcspn(value, ":");
	const struct option *option = find_option(value, length);
	int number = atoi(value + length + 1);
	struct linger linger = { 1, number };
	bool is_linger = option->option == SO_LINGER &&
	    option->level == SOL_SOCKET;

	if (setsockopt(current(machine), option->level, option->option,
	    is_linger ? (void *)&linger : &number,
	    is_linger ? sizeof(linger) : sizeof(number)) == -1)
		err(1, "set=%s", value);
}

static int
get_option(int fd, const struct option *option)
{
	struct linger value = { -1, -1 };
	socklen_t length = sizeof(value);

	if (getsockopt(fd, option->level, option->option, &value,
	    &length) == -1)
		return -errno;
	return length == sizeof(value) && value.l_onoff != 0 ?
	    value.l_linger : value.l_onoff;
}

static void
do_show(struct machine *machine, const char *value)
{
	int fd = current(machine), number;

	if (strcmp(value, "pid") == 0)
		number = getpid();
	else if (strcmp(value, "cloexec") == 0)
		number = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
	else if (strcmp(value, "nonblock") == 0)
		number = (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
	else if (strcmp(value, "fd") == 0)
		number = fd;
	else
		number = get_option(fd, find_option(value, strlen(value)));
	if (number < 0)
		say("%s %s", value, strerrorname_np(-number));
	else
		say("%s %d", value, number);
}

static int
port_of(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL)
		errx(2, "%s: no port", text);
	return htons((uint16_t)atoi(colon + 1));
}

/* "127.0.0.1:80", "[::1]:80", "netlink", else a path, or @name. */
static void
parse(const char *text, struct address *address)
{
	char host[64] = "";

	memset(address, 0, sizeof(*address));
	if (*text == '[') {
		address->length = sizeof(address->u.in6);
		address->u.in6.sin6_family = AF_INET6;
		address->u.in6.sin6_port = (in_port_t)port_of(text);
		if (sscanf(text, "[%63[^]]", host) != 1 || inet_pton(AF_INET6,
		    host, &address->u.in6.sin6_addr) != 1)
			errx(2, "%s: no address", text);
	} else if (*text >= '0' && *text <= '9') {
		address->length = sizeof(address->u.in);
		address->u.in.sin_family = AF_INET;
		address->u.in.sin_port = (in_port_t)port_of(text);
		if (sscanf(text, "%63[^:]", host) != 1 || inet_pton(AF_INET,
		    host, &address->u.in.sin_addr) != 1)
			errx(2, "%s: no address", text);
	} else if (strcmp(text, "netlink") == 0) {
		address->length = sizeof(address->u.nl);
		address->u.nl.nl_family = AF_NETLINK;
	} else {
		address->length = (socklen_t)(offsetof(struct sockaddr_un,
		    sun_path) + strlen(text) + (*text != '@'));
		address->u.un.sun_family = AF_UNIX;
		memcpy(address->u.un.sun_path, text, strlen(text));
		if (*text == '@')
			address->u.un.sun_path[0] = '\0';
	}
}

/* No two sockets ever have the same; 0 where it is none. */
static uint64_t
cookie(int fd)
{
	uint64_t value = 0;
	socklen_t length = sizeof(value);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &length);
	return value;
}

static void
say_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	uint64_t before = cookie(fd);

	if (bind(fd, address, length) == -1)
		say("bind %s", strerrorname_np(errno));
	else
		say("bind %s", cookie(fd) == before ? "own" : "given");
}

static void
do_bind(struct machine *machine, const char *value)
{
	struct address address;

	parse(value, &address);
	say_bind(current(machine), &address.u.any, address.length);
}

static void
do_wild(struct machine *machine, const char *value)
{
	struct address address;

	parse(value, &address);
	if (syscall(SYS_bind, current(machine), 8, address.length) == -1)
		say("bind %s", strerrorname_np(errno));
}

/* One that the filter passes by, and two that it reports. */
static void
do_short(struct machine *machine, const char *value)
{
	struct address address;

	parse(value, &address);
	say_bind(current(machine), &address.u.any, 8);
	say_bind(current(machine), &address.u.any, 20);
	say_bind(current(machine), &address.u.any,
	    sizeof(struct sockaddr_storage) + 1);
}

static void
do_long(struct machine *machine, const char *value)
{
	struct address address;

	memset(&address, 0, sizeof(address));
	parse(value, &address);
	say_bind(current(machine), &address.u.any, 120);
}

static void
do_unspecified(struct machine *machine, const char *value)
{
	struct address address;

	parse(value, &address);
	address.u.any.sa_family = AF_UNSPEC;
	say_bind(current(machine), &address.u.any, address.length);
}

static void
do_unlink(struct machine *machine, const char *value)
{
	(void)machine;
	if (unlink(value) == -1)
		err(1, "%s", value);
}

static void
do_listen(struct machine *machine, const char *value)
{
	if (listen(current(machine), *value == '\0' ? SOMAXCONN :
	    atoi(value)) == -1)
		say("listen %s", strerrorname_np(errno));
}

static void
do_shutdown(struct machine *machine, const char *value)
{
	(void)value;
	if (shutdown(current(machine), SHUT_RDWR) == -1)
		err(1, "shutdown");
}

static void
do_close(struct machine *machine, const char *value)
{
	(void)value;
	close(current(machine));
	machine->sockets[machine->current] = -1;
}

/* "AF_INET 127.0.0.1:80", of a unix socket its path. */
static void
say_address(const char *what, const struct sockaddr_storage *address,
    socklen_t length, bool has_port)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	const struct sockaddr_un *un = (const void *)address;
	char host[INET6_ADDRSTRLEN] = "", port[16] = "";
	bool is_in6 = address->ss_family == AF_INET6;

	if (address->ss_family == AF_UNIX) {
		say("%s AF_UNIX %.*s", what,
		    (int)(length - offsetof(struct sockaddr_un, sun_path)),
		    un->sun_path);
		return;
	}
	if (has_port)
		snprintf(port, sizeof(port), ":%d", ntohs(is_in6 ?
		    in6->sin6_port : in->sin_port));
	inet_ntop(address->ss_family, is_in6 ? (const void *)&in6->sin6_addr :
	    &in->sin_addr, host, sizeof(host));
	say(has_port && is_in6 ? "%s %s [%s]%s" : "%s %s %s%s", what,
	    is_in6 ? "AF_INET6" : "AF_INET", host, port);
}

static void
do_where(struct machine *machine, const char *value)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	(void)value;
	memset(&address, 0, sizeof(address));
	if (getsockname(current(machine), (struct sockaddr *)&address,
	    &length) == -1)
		say("where %s", strerrorname_np(errno));
	else
		say_address("where", &address, length, true);
}

static void
do_peer(struct machine *machine, const char *value)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	(void)value;
	memset(&address, 0, sizeof(address));
	if (getpeername(current(machine), (struct sockaddr *)&address,
	    &length) == -1)
		say("peer %s", strerrorname_np(errno));
	else
		say_address("peer", &address, length, true);
}

static void
do_move(struct machine *machine, const char *value)
{
	int fd = dup2(current(machine), atoi(value));

	if (fd == -1)
		err(1, "move");
	close(current(machine));
	machine->sockets[machine->current] = fd;
}

static void
do_take(struct machine *machine, const char *value)
{
	append(machine, atoi(value));
	machine->current = machine->count - 1;
}

static void
say_connect(const char *what, int fd, const struct address *address)
{
	if (connect(fd, &address->u.any, address->length) == -1)
		say("%s %s", what, strerrorname_np(errno));
	else
		say("%s 0", what);
}

static void
do_connect(struct machine *machine, const char *value)
{
	struct address address;

	parse(value, &address);
	say_connect("connect", current(machine), &address);
}

static void
do_disconnect(struct machine *machine, const char *value)
{
	struct address address = { .length = sizeof(struct sockaddr_in) };

	(void)value;
	say_connect("disconnect", current(machine), &address);
}

static void
do_patience(struct machine *machine, const char *value)
{
	struct timeval time = { .tv_usec = 1000 * atoi(value) };

	if (setsockopt(current(machine), SOL_SOCKET, SO_SNDTIMEO, &time,
	    sizeof(time)) == -1)
		err(1, "patience");
}

static void
do_ready(struct machine *machine, const char *value)
{
	struct pollfd one = { .fd = current(machine), .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	(void)value;
	if (poll(&one, 1, -1) != 1 || getsockopt(one.fd, SOL_SOCKET, SO_ERROR,
	    &error, &length) == -1)
		err(1, "ready");
	say("ready %s", error == 0 ? "0" : strerrorname_np(error));
}

static void
do_ask(struct machine *machine, const char *value)
{
	int fd = current(machine);
	char answer[64];
	size_t size = 0;
	ssize_t count;

	(void)value;
	fcntl(fd, F_SETFL, O_RDWR);
	if (send(fd, "?", 1, MSG_NOSIGNAL) == -1)
		say("ask %s", strerrorname_np(errno));
	while ((count = read(fd, answer + size, sizeof(answer) - 1 -
	    size)) > 0 && memchr(answer, '\n', size + (size_t)count) == NULL)
		size += (size_t)count;
	answer[count > 0 ? size + (size_t)count : size] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	say("ask %s", answer);
}

static void
do_crowd(struct machine *machine, const char *value)
{
	struct address address;
	int i, fd;

	(void)machine;
	parse(value, &address);
	for (i = 0; i < 4; i++) {
		fd = socket(address.u.any.sa_family,
		    SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (fd == -1 || (connect(fd, &address.u.any,
		    address.length) == -1 && errno != EINPROGRESS))
			err(1, "crowd=%s", value);
	}
	usleep(50000);
}

static bool
is_datagram(int fd)
{
	int type = 0;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
	    type == SOCK_DGRAM;
}

/* Returns -1 with errno where there is no client. */
static int
answer_next(int fd, int number, struct sockaddr_storage *peer,
    socklen_t *length)
{
	char text[64], request[512];
	int size = snprintf(text, sizeof(text), "%s%d\n", own_name,
	    number), client;

	if (is_datagram(fd)) {
		if (recvfrom(fd, request, sizeof(request), 0,
		    (struct sockaddr *)peer, length) == -1)
			return -1;
		return sendto(fd, text, (size_t)size, 0,
		    (struct sockaddr *)peer, *length) == -1 ? -1 : 0;
	}
	client = accept(fd, (struct sockaddr *)peer, length);
	if (client == -1)
		return -1;
	if (write(client, text, (size_t)size) == -1)
		err(1, "write");
	return close(client);
}

/* Waits first where the socket itself does not. */
static int
answer_waiting(int fd, int number, struct sockaddr_storage *peer,
    socklen_t *length)
{
	struct pollfd poll_one = { .fd = fd, .events = POLLIN };

	if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	    poll(&poll_one, 1, -1) == -1)
		err(1, "poll");
	return answer_next(fd, number, peer, length);
}

static void
answer_one(int fd, int number)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	if (answer_waiting(fd, number, &peer, &length) == -1)
		err(1, "accept on %d", number);
}

static void
do_greet(struct machine *machine, const char *value)
{
	int count = *value == '\0' ? 1 : atoi(value);

	while (count-- > 0) {
		struct sockaddr_storage peer;
		socklen_t length = sizeof(peer);

		memset(&peer, 0, sizeof(peer));
		if (answer_waiting(current(machine), machine->current, &peer,
		    &length) == -1)
			say("accept %s", strerrorname_np(errno));
		else
			say_address("peer", &peer, length, false);
	}
}

static void
do_glance(struct machine *machine, const char *value)
{
	int fd = current(machine), flags = fcntl(fd, F_GETFL), client;

	(void)value;
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	client = accept(fd, NULL, NULL);
	say("accept %s", client == -1 ? strerrorname_np(errno) : "0");
	fcntl(fd, F_SETFL, flags);
}

static void
do_client(struct machine *machine, const char *value)
{
	int client = accept(current(machine), NULL, NULL);

	if (client == -1)
		err(1, "client");
	say("client %s %d", value, get_option(client, find_option(value,
	    strlen(value))));
	close(client);
}

static void
do_tally(struct machine *machine, const char *value)
{
	int fd = current(machine), client;
	bool some = false;

	(void)value;
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	while ((client = accept(fd, NULL, NULL)) != -1) {
		some = true;
		close(client);
	}
	say("tally %s", some ? "some" : "none");
}

static void
do_latch(struct machine *machine, const char *value)
{
	struct address peer = { .length = sizeof(peer.u) };

	(void)value;
	if (answer_waiting(current(machine), machine->current,
	    &peer.u.storage, &peer.length) == -1)
		err(1, "latch");
	say_connect("connect", current(machine), &peer);
}

/* One that another process takes first must not block this one. */
static void
do_serve(struct machine *machine, const char *value)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	struct sockaddr_storage peer;
	socklen_t length;
	int i;

	for (i = 0; i < machine->count; i++)
		fcntl(machine->sockets[i], F_SETFL, O_RDWR | O_NONBLOCK);
	while (access(value, F_OK) == -1) {
		for (i = 0; i < machine->count; i++) {
			length = sizeof(peer);
			answer_next(machine->sockets[i], i, &peer, &length);
		}
		nanosleep(&moment, NULL);
	}
}

static void
do_answer(struct machine *machine, const char *value)
{
	int count = *value == '\0' ? 1 : atoi(value);

	while (count-- > 0)
		answer_one(current(machine), machine->current);
}

static void
do_select(struct machine *machine, const char *value)
{
	struct pollfd polls[SOCKETS_MAX];
	int count = atoi(value), i;

	for (i = 0; i < machine->count; i++)
		polls[i] = (struct pollfd){ .fd = machine->sockets[i],
		    .events = POLLIN };
	while (count > 0) {
		if (poll(polls, (nfds_t)machine->count, -1) == -1)
			err(1, "poll");
		for (i = 0; i < machine->count; i++)
			if ((polls[i].revents & POLLIN) != 0) {
				answer_one(polls[i].fd, i);
				count--;
			}
	}
}

struct acceptor {
	int		fd, number;
	atomic_int	*left;
};

static void *
accept_loop(void *context)
{
	struct acceptor *acceptor = context;

	for (;;) {
		answer_one(acceptor->fd, acceptor->number);
		atomic_fetch_sub(acceptor->left, 1);
	}
	return NULL;
}

static void
do_accept(struct machine *machine, const char *value)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	struct acceptor acceptors[SOCKETS_MAX];
	atomic_int left = atoi(value);
	pthread_t thread;
	int i;

	for (i = 0; i < machine->count; i++) {
		acceptors[i] = (struct acceptor){ machine->sockets[i], i,
		    &left };
		if (pthread_create(&thread, NULL, accept_loop,
		    &acceptors[i]) != 0)
			errx(1, "pthread_create");
	}
	while (atomic_load(&left) > 0)
		nanosleep(&moment, NULL);
	_exit(0);
}

static void
do_visit(struct machine *machine, const char *value)
{
	struct address address;
	int fd;

	(void)machine;
	parse(value, &address);
	fd = socket(address.u.any.sa_family, SOCK_STREAM, 0);
	if (fd == -1 || connect(fd, &address.u.any, address.length) == -1)
		err(1, "visit=%s", value);
}

static void
register_socket(struct machine *machine, const char *mode, int operation,
    uint64_t data)
{
	struct epoll_event event = { .data.u64 = data, .events = EPOLLIN };

	if (strcmp(mode, "edge") == 0)
		event.events |= EPOLLET;
	if (epoll_ctl(machine->epoll, operation, current(machine),
	    &event) == -1)
		err(1, "epoll_ctl");
}

static void
do_epoll(struct machine *machine, const char *value)
{
	machine->epoll = epoll_create1(EPOLL_CLOEXEC);
	register_socket(machine, value, EPOLL_CTL_ADD, 0xfedcba9876543210);
}

static void
do_modify(struct machine *machine, const char *value)
{
	register_socket(machine, value, EPOLL_CTL_MOD, 0x0123456789abcdef);
}

static void
do_event(struct machine *machine, const char *value)
{
	struct epoll_event event;
	int count = epoll_wait(machine->epoll, &event, 1,
	    *value == '\0' ? -1 : atoi(value));

	if (count == -1)
		err(1, "epoll_wait");
	if (count == 0)
		say("event none");
	else
		say("event %llx", (unsigned long long)event.data.u64);
}

/* The words of the steps, in a copy of the text. */
static char **
split_words(const char *text)
{
	static char *words[STEPS_MAX + 1];
	char *copy = strdup(text), *word;
	int count = 0;

	while ((word = strsep(&copy, " ")) != NULL && count < STEPS_MAX)
		words[count++] = word;
	words[count] = NULL;
	return words;
}

static pid_t
add_child(struct machine *machine)
{
	pid_t child = fork();

	if (child == -1 || machine->children_count == CHILDREN_MAX)
		err(1, "fork");
	machine->children[machine->children_count++] = child;
	return child;
}

static void
do_exec(struct machine *machine, const char *value)
{
	static char program[] = "/proc/self/exe";
	char *words[STEPS_MAX + 2] = { program };

	(void)machine;
	memcpy(words + 1, split_words(value), (STEPS_MAX + 1) * sizeof(*words));
	execv(program, words);
	err(1, "execv");
}

static void
do_run(struct machine *machine, const char *value)
{
	if (add_child(machine) == 0)
		do_exec(machine, value);
}

static void
do_spawn(struct machine *machine, const char *value)
{
	if (add_child(machine) > 0)
		return;
	machine->children_count = 0;
	machine->next = split_words(value);
	run(machine);
	_exit(0);
}

static int
run_steps(void *context)
{
	run(context);
	_exit(0);
}

static void
do_vfork(struct machine *machine, const char *value)
{
	static char stack[1 << 18] __attribute__((aligned(64)));
	struct machine own = *machine;

	own.children_count = 0;
	own.next = split_words(value);
	if (machine->children_count == CHILDREN_MAX ||
	    (machine->children[machine->children_count++] = clone(run_steps,
	    stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
	    &own)) == -1)
		err(1, "vfork");
}

static void
do_join(struct machine *machine, const char *value)
{
	int status;

	(void)value;
	if (machine->children_count == 0 || waitpid(
	    machine->children[--machine->children_count], &status, 0) == -1)
		err(1, "join");
	if (WIFEXITED(status))
		say("child ended with %d", WEXITSTATUS(status));
	else
		say("child was killed by %d", WTERMSIG(status));
}

static void
do_leave(struct machine *machine, const char *value)
{
	(void)machine;
	(void)value;
	_exit(0);
}

static void
do_name(struct machine *machine, const char *value)
{
	(void)machine;
	snprintf(own_name, sizeof(own_name), "%s", value);
}

static void
do_say(struct machine *machine, const char *value)
{
	(void)machine;
	say("%s", value);
}

static void
do_exit(struct machine *machine, const char *value)
{
	(void)machine;
	_exit(atoi(value));
}

static void
do_raise(struct machine *machine, const char *value)
{
	(void)machine;
	raise(atoi(value));
}

static void
do_session(struct machine *machine, const char *value)
{
	(void)machine;
	(void)value;
	if (setsid() == -1)
		err(1, "setsid");
}

static void
do_environ(struct machine *machine, const char *value)
{
	char **variable;

	(void)machine;
	for (variable = environ; *variable != NULL; variable++)
		if (strncmp(*variable, value, strlen(value)) == 0)
			say("%.*s", (int)strcspn(*variable, "="), *variable);
}

/* All sets empty. */
static void
do_powerless(struct machine *machine, const char *value)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)machine;
	(void)value;
	if (syscall(SYS_capset, &header, data) == -1)
		err(1, "capset");
}

static int
wait_for_child(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) == -1)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void
do_fork(struct machine *machine, const char *value)
{
	pid_t child = fork();

	(void)machine;
	(void)value;
	if (child == -1)
		err(1, "fork");
	if (child > 0)
		_exit(wait_for_child(child));
}

static void
do_split(struct machine *machine, const char *value)
{
	(void)value;
	machine->child = fork();
	if (machine->child == -1)
		err(1, "fork");
}

static void *
run_in_thread(void *context)
{
	run(context);
	_exit(0);
}

static void
do_thread(struct machine *machine, const char *value)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_in_thread, machine) != 0)
		errx(1, "pthread_create");
	if (strcmp(value, "ended") == 0)
		pthread_exit(NULL);
	pthread_join(thread, NULL);
}

static void
do_namespace(struct machine *machine, const char *value)
{
	struct ifreq request = { .ifr_name = "lo" };
	int control;

	(void)machine;
	(void)value;
	if (unshare(CLONE_NEWNET) == -1 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
		err(77, "unshare");
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	request.ifr_flags = IFF_UP;
	if (control == -1 || ioctl(control, SIOCSIFFLAGS, &request) == -1)
		err(77, "lo");
	close(control);
}

static void
do_dumpable(struct machine *machine, const char *value)
{
	(void)machine;
	if (prctl(PR_SET_DUMPABLE, atoi(value), 0, 0, 0) == -1)
		err(1, "PR_SET_DUMPABLE");
}

static void
on_tick(int number)
{
	(void)number;
}

static void
do_timer(struct machine *machine, const char *value)
{
	struct sigaction action = { .sa_handler = on_tick };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGUSR1 };
	struct itimerspec times = { .it_interval = { 0, TICK },
	    .it_value = { 0, TICK } };

	if (strcmp(value, "off") == 0) {
		timer_delete(machine->timer);
		return;
	}
	if (strcmp(value, "restart") == 0)
		action.sa_flags = SA_RESTART;
	if (strcmp(value, "once") == 0)
		times = (struct itimerspec){ .it_value = { 0, 300000000 } };
	if (sigaction(SIGUSR1, &action, NULL) == -1 ||
	    timer_create(CLOCK_MONOTONIC, &event, &machine->timer) == -1 ||
	    timer_settime(machine->timer, 0, &times, NULL) == -1)
		err(1, "timer");
}

struct storm {
	struct address	address;
	bool		is_ours;
	int		threads;
	int		count;		/* of each thread */
};

/*
 * A signal whose handler restarts nothing may interrupt bind(2) while it
 * waits for the filter's answer: seccomp_unotify(2).
 */
static void
bind_one(const struct address *address, bool is_ours)
{
	int fd = socket(address->u.any.sa_family, SOCK_STREAM, 0), on = 1;
	uint64_t before;

	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
	    sizeof(on)) == -1)
		err(1, "socket");
	before = cookie(fd);
	while (bind(fd, &address->u.any, address->length) == -1)
		if (errno != EINTR)
			err(1, "bind");
	if ((cookie(fd) != before) != is_ours)
		errx(1, "bind: %s", is_ours ? "not given" : "given");
	close(fd);
}

static void *
blow(void *context)
{
	const struct storm *storm = context;
	struct address any = storm->address;
	int i;

	any.u.in.sin_port = 0;
	for (i = 0; i < storm->count; i++)
		if (i % 2 == 0)
			bind_one(&any, false);
		else
			bind_one(&storm->address, storm->is_ours);
	return NULL;
}

static void
blow_all(const struct storm *storm)
{
	pthread_t list[SOCKETS_MAX];
	int i;

	alarm(10 * SECONDS_MAX);
	for (i = 0; i < storm->threads; i++)
		if (pthread_create(&list[i], NULL, blow, (void *)storm) != 0)
			errx(1, "pthread_create");
	for (i = 0; i < storm->threads; i++)
		pthread_join(list[i], NULL);
	alarm(SECONDS_MAX);
}

static void
do_storm(struct machine *machine, const char *value)
{
	struct storm storm = { .is_ours = true };
	int count, start;

	(void)machine;
	if (sscanf(value, "%d,%d,%n", &storm.threads, &count, &start) != 2 ||
	    storm.threads > SOCKETS_MAX)
		errx(2, "storm=%s", value);
	storm.count = count / storm.threads;
	parse(value + start, &storm.address);
	blow_all(&storm);
	say("storm %d", count);
}

/* The other port is that of a socket which stays, and does not listen. */
static void
do_foreign(struct machine *machine, const char *value)
{
	struct storm storm = { .is_ours = false };
	int count, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)machine;
	if (sscanf(value, "%d,%d", &storm.threads, &count) != 2 ||
	    storm.threads > SOCKETS_MAX)
		errx(2, "foreign=%s", value);
	storm.count = count / storm.threads;
	parse("127.0.0.1:0", &storm.address);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, &storm.address.u.any, storm.address.length) == -1 ||
	    getsockname(fd, &storm.address.u.any, &storm.address.length) == -1)
		err(1, "foreign=%s", value);
	blow_all(&storm);
	close(fd);
	say("foreign %d", storm.count * storm.threads);
}

static void
do_wait(struct machine *machine, const char *value)
{
	static const struct timespec moment = { .tv_nsec = 2000000 };

	(void)machine;
	while (access(value, F_OK) == -1)
		nanosleep(&moment, NULL);
}

static void
do_touch(struct machine *machine, const char *value)
{
	(void)machine;
	if (close(open(value, O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) == -1)
		err(1, "%s", value);
}

static const struct timespec moment = { .tv_nsec = 5000000 };

static const struct stop_signal {
	const char	*name;
	int		number;
} stop_signals[] = {
	{ "INT", SIGINT }, { "TERM", SIGTERM }, { "HUP", SIGHUP },
	{ "QUIT", SIGQUIT }
};

enum { STOPS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

/* How often each was heard. */
static volatile sig_atomic_t heard[NSIG];

static void
on_stop(int number)
{
	heard[number]++;
}

static void
catch_stops(void)
{
	struct sigaction action = { .sa_handler = on_stop,
	    .sa_flags = SA_RESTART };
	int i;

	for (i = 0; i < STOPS; i++)
		if (sigaction(stop_signals[i].number, &action, NULL) == -1)
			err(1, "sigaction");
}

static int
count_heard(void)
{
	int count = 0, i;

	for (i = 0; i < STOPS; i++)
		count += heard[stop_signals[i].number];
	return count;
}

static void
say_heard(void)
{
	int i;

	for (i = 0; i < STOPS; i++)
		if (heard[stop_signals[i].number] > 0)
			say("told %s %d", stop_signals[i].name,
			    (int)heard[stop_signals[i].number]);
}

/* Until nothing was heard for 40 moments. */
static void
do_hear(struct machine *machine, const char *value)
{
	int count = 0, quiet = 0;

	catch_stops();
	do_touch(machine, value);
	while (count == 0 || quiet < 40) {
		nanosleep(&moment, NULL);
		quiet++;
		if (count_heard() != count) {
			count = count_heard();
			quiet = 0;
		}
	}
	say_heard();
}

/* Not at once: the kernel would make one signal of two. */
static void
pass_on(pid_t child, int *passed)
{
	int i, number;

	for (i = 0; i < STOPS; i++) {
		number = stop_signals[i].number;
		while (passed[number] < heard[number]) {
			for (int wait = 0; wait < 10; wait++)
				nanosleep(&moment, NULL);
			kill(child, number);
			passed[number]++;
		}
	}
}

static void
do_relay(struct machine *machine, const char *value)
{
	int passed[NSIG] = { 0 };
	siginfo_t ended = { 0 };
	pid_t child;

	catch_stops();
	do_run(machine, value);
	child = machine->children[machine->children_count - 1];
	while (ended.si_pid == 0) {
		pass_on(child, passed);
		nanosleep(&moment, NULL);
		if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG |
		    WNOWAIT) == -1)
			err(1, "relay");
	}
	say_heard();
	do_join(machine, "");
}

static void
do_ignored(struct machine *machine, const char *value)
{
	struct sigaction action;
	int i;

	(void)machine;
	(void)value;
	for (i = 0; i < STOPS; i++) {
		if (sigaction(stop_signals[i].number, NULL, &action) == -1)
			err(1, "sigaction");
		if (action.sa_handler == SIG_IGN)
			say("ignored %s", stop_signals[i].name);
	}
}

static void
do_input(struct machine *machine, const char *value)
{
	struct pollfd poll_one = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[128];
	size_t size = 0;
	ssize_t count = 1;

	(void)machine;
	if (strcmp(value, "now") == 0 && poll(&poll_one, 1, 300) == 0) {
		say("input none");
		return;
	}
	while (size < sizeof(line) - 1 && (count = read(STDIN_FILENO,
	    line + size, 1)) == 1 && line[size] != '\n')
		size++;
	line[size] = '\0';
	if (count == -1)
		say("input %s", strerrorname_np(errno));
	else if (count == 0 && size == 0)
		say("input end");
	else
		say("input %s", line);
}

static void
do_dash(struct machine *machine, const char *value)
{
	static char text[1024];
	ssize_t count;
	size_t size = 0;

	(void)value;
	while ((count = read(STDIN_FILENO, text + size, sizeof(text) - 1 -
	    size)) > 0)
		size += (size_t)count;
	text[strcspn(text, "\n")] = '\0';
	machine->next = split_words(text);
}

static const struct step {
	const char	*name;
	void		(*run)(struct machine *machine, const char *value);
} steps[] = {
	{ "-", do_dash },
	{ "accept", do_accept },
	{ "answer", do_answer },
	{ "ask", do_ask },
	{ "bind", do_bind },
	{ "cloexec", do_cloexec },
	{ "client", do_client },
	{ "close", do_close },
	{ "connect", do_connect },
	{ "crowd", do_crowd },
	{ "disconnect", do_disconnect },
	{ "dumpable", do_dumpable },
	{ "dup", do_dup },
	{ "environ", do_environ },
	{ "epoll", do_epoll },
	{ "event", do_event },
	{ "exec", do_exec },
	{ "exit", do_exit },
	{ "foreign", do_foreign },
	{ "flight", do_flight },
	{ "fork", do_fork },
	{ "glance", do_glance },
	{ "greet", do_greet },
	{ "hear", do_hear },
	{ "ignored", do_ignored },
	{ "input", do_input },
	{ "join", do_join },
	{ "land", do_land },
	{ "latch", do_latch },
	{ "leave", do_leave },
	{ "listen", do_listen },
	{ "long", do_long },
	{ "modify", do_modify },
	{ "move", do_move },
	{ "name", do_name },
	{ "namespace", do_namespace },
	{ "nonblock", do_nonblock },
	{ "over", do_over },
	{ "patience", do_patience },
	{ "peer", do_peer },
	{ "powerless", do_powerless },
	{ "raise", do_raise },
	{ "ready", do_ready },
	{ "relay", do_relay },
	{ "run", do_run },
	{ "say", do_say },
	{ "select", do_select },
	{ "serve", do_serve },
	{ "session", do_session },
	{ "set", do_set },
	{ "short", do_short },
	{ "show", do_show },
	{ "shutdown", do_shutdown },
	{ "socket", do_socket },
	{ "spawn", do_spawn },
	{ "split", do_split },
	{ "storm", do_storm },
	{ "take", do_take },
	{ "tally", do_tally },
	{ "thread", do_thread },
	{ "timer", do_timer },
	{ "touch", do_touch },
	{ "unlink", do_unlink },
	{ "unspecified", do_unspecified },
	{ "use", do_use },
	{ "vfork", do_vfork },
	{ "visit", do_visit },
	{ "wait", do_wait },
	{ "where", do_where },
	{ "wild", do_wild },
};

static const struct step *
find_step(const char *text)
{
	size_t length = strcspn(text, "="), i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strlen(steps[i].name) == length &&
		    strncmp(steps[i].name, text, length) == 0)
			return &steps[i];
	errx(2, "%s: no such step", text);
}

static void
run(struct machine *machine)
{
	char *text, *value;

	while (*machine->next != NULL) {
		text = *machine->next++;
		value = strchr(text, '=');
		find_step(text)->run(machine, value == NULL ? "" : value + 1);
	}
	if (machine->child > 0 && wait_for_child(machine->child) != 0)
		_exit(1);
}

int
main(int argc, char *argv[])
{
	/* Not main()'s own: that may end before its threads. */
	static struct machine machine;

	(void)argc;
	machine.next = argv + 1;
	alarm(SECONDS_MAX);
	run(&machine);
	/* Nothing is buffered; a leak checker could not look at all of them. */
	_exit(0);
}
