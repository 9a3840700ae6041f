/* SPDX-License-Identifier: ISC */
/*
 * The service of the tests: says on standard output, as one JSON object,
 * what it was given.
 *
 *	probe [-o FILE] [-a COUNT] [-w PATH] [-- ARG ...]
 *	-o	write the report to FILE, not to standard output
 *	-a	then accept COUNT connections on fd 3, or receive as many
 *		datagrams, and answer each with "answer\n"
 *	-w	before -a, wait until the file PATH is there
 *
 * {"pid", "ppid", "start": clock ticks since boot, "pidfd": inode,
 *  "argv": [...], "environ": [...], "cwd", "umask", "limit": RLIMIT_NOFILE,
 *  "blocked": [signals], "ignored": [signals],
 *  "fds": {"3": {"cloexec", "flags": F_GETFL, "link": what /proc says,
 *	"mode": st_mode, "type": SO_TYPE, "domain", "protocol", "listens",
 *	"address": getsockname in words, "reuseaddr", "reuseport", "v6only",
 *	"rcvbuf", "sndbuf", "backlog": the accept queue's limit (TCP)}, ...}}
 *
 * "type" and what follows it are there for sockets only.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
print_string(FILE *output, const char *text, size_t length)
{
	size_t i;

	putc('"', output);
	for (i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\' || c < ' ' || c > '~')
			fprintf(output, "\\u%04x", c);
		else
			putc(c, output);
	}
	putc('"', output);
}

static void
print_list(FILE *output, const char *key, char **list)
{
	fprintf(output, ",\n\"%s\": [", key);
	for (; *list != NULL; list++) {
		print_string(output, *list, strlen(*list));
		if (list[1] != NULL)
			fputs(", ", output);
	}
	putc(']', output);
}

static int
get_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, level, option, &value, &length) == -1)
		return -1;
	return value;
}

static void
print_address(FILE *output, int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} address;
	socklen_t length = sizeof(address);
	char host[64], text[128];

	memset(&address, 0, sizeof(address));
	if (getsockname(fd, &address.any, &length) == -1)
		err(1, "getsockname");
	switch (address.any.sa_family) {
	case AF_INET:
		snprintf(text, sizeof(text), "%s:%d", inet_ntop(AF_INET,
		    &address.in.sin_addr, host, sizeof(host)),
		    ntohs(address.in.sin_port));
		break;
	case AF_INET6:
		snprintf(text, sizeof(text), "[%s]:%d", inet_ntop(AF_INET6,
		    &address.in6.sin6_addr, host, sizeof(host)),
		    ntohs(address.in6.sin6_port));
		break;
	default:
		length -= (socklen_t)offsetof(struct sockaddr_un, sun_path);
		memcpy(text, address.un.sun_path, length);
		if (length > 0 && text[0] == '\0')
			text[0] = '@';
		else
			length = (socklen_t)strnlen(text, length);
		text[length] = '\0';
	}
	print_string(output, text, strlen(text));
}

static void
print_socket(FILE *output, int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	fprintf(output, ", \"type\": %d, \"domain\": %d, \"protocol\": %d, "
	    "\"listens\": %d, \"reuseaddr\": %d, \"reuseport\": %d, "
	    "\"v6only\": %d, \"rcvbuf\": %d, \"sndbuf\": %d, \"address\": ",
	    get_option(fd, SOL_SOCKET, SO_TYPE),
	    get_option(fd, SOL_SOCKET, SO_DOMAIN),
	    get_option(fd, SOL_SOCKET, SO_PROTOCOL),
	    get_option(fd, SOL_SOCKET, SO_ACCEPTCONN),
	    get_option(fd, SOL_SOCKET, SO_REUSEADDR),
	    get_option(fd, SOL_SOCKET, SO_REUSEPORT),
	    get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY),
	    get_option(fd, SOL_SOCKET, SO_RCVBUF),
	    get_option(fd, SOL_SOCKET, SO_SNDBUF));
	print_address(output, fd);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0)
		fprintf(output, ", \"backlog\": %u", info.tcpi_sacked);
}

static void
print_fds(FILE *output)
{
	char name[32], link[4096];
	struct dirent *entry;
	struct stat status;
	const char *comma = "";
	ssize_t length;
	DIR *folder;
	int fd;

	folder = opendir("/proc/self/fd");
	if (folder == NULL)
		err(1, "/proc/self/fd");
	fputs(",\n\"fds\": {", output);
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		fd = atoi(entry->d_name);
		if (fd == dirfd(folder) || fd == fileno(output))
			continue;
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		length = readlink(name, link, sizeof(link));
		if (length == -1 || fstat(fd, &status) == -1)
			err(1, "%s", name);
		fprintf(output, "%s\n\"%d\": {\"cloexec\": %d, \"flags\": %d, "
		    "\"mode\": %u, \"link\": ", comma, fd,
		    fcntl(fd, F_GETFD) & FD_CLOEXEC, fcntl(fd, F_GETFL),
		    status.st_mode);
		comma = ",";
		print_string(output, link, (size_t)length);
		if (S_ISSOCK(status.st_mode))
			print_socket(output, fd);
		putc('}', output);
	}
	putc('}', output);
	closedir(folder);
}

static void
print_signals(FILE *output)
{
	const char *comma = "";
	struct sigaction action;
	sigset_t mask;
	int number;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	fputs(",\n\"blocked\": [", output);
	for (number = 1; number < NSIG; number++)
		if (sigismember(&mask, number) == 1) {
			fprintf(output, "%s%d", comma, number);
			comma = ", ";
		}
	fputs("], \"ignored\": [", output);
	comma = "";
	for (number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN) {
			fprintf(output, "%s%d", comma, number);
			comma = ", ";
		}
	putc(']', output);
}

/* The 22nd field of /proc/self/stat, counted behind the command's name. */
static unsigned long long
start_time(void)
{
	unsigned long long ticks = 0;
	char text[4096], *field;
	FILE *file = fopen("/proc/self/stat", "re");

	if (file == NULL || fgets(text, sizeof(text), file) == NULL ||
	    (field = strrchr(text, ')')) == NULL ||
	    sscanf(field + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
	    "%*s %*s %*s %*s %*s %*s %*s %*s %llu", &ticks) != 1)
		errx(1, "/proc/self/stat");
	fclose(file);
	return ticks;
}

static unsigned long long
pidfd_inode(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct stat status;

	if (fd == -1 || fstat(fd, &status) == -1)
		return 0;
	close(fd);
	return (unsigned long long)status.st_ino;
}

static void
report(FILE *output, char **argv)
{
	struct rlimit limit;
	char cwd[4096];
	mode_t mask = umask(0);

	umask(mask);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		err(1, "getcwd");
	fprintf(output, "{\"pid\": %d, \"ppid\": %d, \"start\": %llu, "
	    "\"pidfd\": %llu, \"umask\": %u, \"limit\": %llu, \"cwd\": ",
	    getpid(), getppid(), start_time(), pidfd_inode(), mask,
	    (unsigned long long)limit.rlim_cur);
	print_string(output, cwd, strlen(cwd));
	print_list(output, "argv", argv);
	print_list(output, "environ", environ);
	print_signals(output);
	print_fds(output);
	fputs("}\n", output);
}

static void
answer(int fd)
{
	static const char text[] = "answer\n";
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	char request[1024];
	int client;

	if (get_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM) {
		if (recvfrom(fd, request, sizeof(request), 0,
		    (struct sockaddr *)&peer, &length) == -1 ||
		    sendto(fd, text, sizeof(text) - 1, 0,
		    (struct sockaddr *)&peer, length) == -1)
			err(1, "datagram");
		return;
	}
	client = accept(fd, NULL, NULL);
	if (client == -1)
		err(1, "accept");
	if (write(client, text, sizeof(text) - 1) == -1)
		err(1, "write");
	close(client);
}

int
main(int argc, char *argv[])
{
	static const struct timespec moment = { .tv_nsec = 5000000 };
	const char *file = NULL, *awaited = NULL;
	FILE *output = stdout;
	int count = 0, key;

	while ((key = getopt(argc, argv, "+o:a:w:")) != -1)
		switch (key) {
		case 'o':
			file = optarg;
			break;
		case 'a':
			count = atoi(optarg);
			break;
		case 'w':
			awaited = optarg;
			break;
		default:
			return 2;
		}
	if (file != NULL && (output = fopen(file, "we")) == NULL)
		err(1, "%s", file);
	report(output, argv);
	if (fflush(output) == EOF)
		err(1, "report");
	while (awaited != NULL && access(awaited, F_OK) == -1)
		nanosleep(&moment, NULL);
	while (count-- > 0)
		answer(3);
	return 0;
}
