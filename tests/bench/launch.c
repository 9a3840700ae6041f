/* SPDX-License-Identifier: ISC */
/*
 * launch REPORT ROUNDS <PLAN: launches commands in turn, and says of each
 * launch, on a line: its command's number, the round, ns until the service
 * had begun, ns until all was over, us of user and of system time, and KiB
 * of peak memory, with those of all processes that were waited for.
 *
 * REPORT is a FIFO on which the service says when it began: nothing.c.  The
 * plan is a list of commands, each of strings that end with a NUL:
 *
 *	EVERY	takes part in every so-many-th round
 *	HOW	"wait"; "term": is sent TERM when the service has begun;
 *		"mute": the service says nothing, and begins at the end; or a
 *		port, to which a connection is made, tried without a pause
 *	WORD... and an empty one
 *	NAME=VALUE... its environment, and an empty one
 *
 * Each round has an order of its own.  A launch costs here what
 * posix_spawn(3) costs, which is vfork(2) and execve(2).
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "now.h"

enum { LIMIT = 60000 };	/* ms; what has not begun by then will not */

struct command {
	long	  every;
	char	 *how;
	char	**words;
	char	**variables;
};

static void *
grow(void *list, size_t count, size_t size)
{
	void *grown = reallocarray(list, count, size);

	if (grown == NULL)
		err(1, "plan");
	return grown;
}

static char *
read_word(void)
{
	char *word = NULL;
	size_t size = 0;

	if (getdelim(&word, &size, '\0', stdin) == -1) {
		free(word);
		return NULL;
	}
	return word;
}

static char **
read_words(void)
{
	char **list = NULL;
	size_t count = 0;

	do {
		list = grow(list, count + 1, sizeof(*list));
		if ((list[count] = read_word()) == NULL)
			errx(1, "the plan ends too soon");
	} while (*list[count++] != '\0');
	free(list[count - 1]);
	list[count - 1] = NULL;
	return list;
}

static struct command *
read_plan(size_t *count)
{
	struct command *list = NULL;
	char *every;

	for (*count = 0; (every = read_word()) != NULL; ++*count) {
		list = grow(list, *count + 1, sizeof(*list));
		list[*count].every = strtol(every, NULL, 10);
		free(every);
		list[*count].how = read_word();
		list[*count].words = read_words();
		list[*count].variables = read_words();
		if (list[*count].every < 1 || list[*count].words[0] == NULL)
			errx(1, "plan: command %zu", *count);
	}
	return list;
}

static void
shuffle(size_t *order, size_t count, unsigned seed)
{
	size_t i, other, kept;

	for (i = 0; i < count; i++)
		order[i] = i;
	srandom(seed);
	for (i = count; i > 1; i--) {
		other = (size_t)random() % i;
		kept = order[i - 1];
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

/* Until something listens there; what is sent to nobody is lost. */
static void
knock(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int64_t end = now() + (int64_t)LIMIT * 1000000;
	int fd;

	address.sin_port = htons((in_port_t)strtol(port, NULL, 10));
	do {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&address,
		    sizeof(address)) == 0)
			break;
		close(fd);
	} while (now() < end);
	close(fd);
}

/* Returns when the service says that it began. */
static int64_t
await_report(int report, const struct command *command)
{
	struct pollfd poll_one = { .fd = report, .events = POLLIN };
	int64_t when;

	if (poll(&poll_one, 1, LIMIT) != 1 ||
	    read(report, &when, sizeof(when)) != sizeof(when))
		errx(1, "%s: the service has not begun", command->words[0]);
	return when;
}

static int64_t
microseconds(const struct timeval *time)
{
	return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

static void
launch(FILE *output, int report, const posix_spawn_file_actions_t *quiet,
    const struct command *command)
{
	bool mute = strcmp(command->how, "mute") == 0;
	int64_t start = now(), begun = 0, over;
	struct rusage usage;
	pid_t pid;

	errno = posix_spawn(&pid, command->words[0], quiet, NULL,
	    command->words, command->variables);
	if (errno != 0)
		err(1, "%s", command->words[0]);
	if (command->how[0] >= '0' && command->how[0] <= '9')
		knock(command->how);
	if (!mute)
		begun = await_report(report, command);
	if (strcmp(command->how, "term") == 0)
		kill(pid, SIGTERM);
	if (wait4(pid, NULL, 0, &usage) != pid)
		err(1, "wait4");
	over = now();
	if (mute)
		begun = over;
	fprintf(output, "%lld %lld %lld %lld %ld %ld\n",
	    (long long)(begun - start),
	    (long long)(over - start), (long long)microseconds(&usage.ru_utime),
	    (long long)microseconds(&usage.ru_stime), usage.ru_maxrss,
	    usage.ru_minflt);
}

/* The commands have nothing of ours: /dev/null is their standard error too. */
static FILE *
keep_output(posix_spawn_file_actions_t *quiet)
{
	FILE *output = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100), "w");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (output == NULL || null == -1)
		err(1, "output");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	posix_spawn_file_actions_init(quiet);
	posix_spawn_file_actions_adddup2(quiet, STDOUT_FILENO, STDERR_FILENO);
	return output;
}

int
main(int argc, char *argv[])
{
	posix_spawn_file_actions_t quiet;
	struct command *commands;
	size_t i, count, *order;
	long round, rounds;
	FILE *output;
	int report;

	if (argc != 3)
		errx(2, "usage: launch REPORT ROUNDS <PLAN");
	report = open(argv[1], O_RDWR | O_CLOEXEC);
	if (report == -1)
		err(1, "%s", argv[1]);
	rounds = strtol(argv[2], NULL, 10);
	commands = read_plan(&count);
	order = grow(NULL, count + 1, sizeof(*order));
	output = keep_output(&quiet);
	for (round = 0; round < rounds; round++) {
		shuffle(order, count, (unsigned)round);
		for (i = 0; i < count; i++) {
			if (round % commands[order[i]].every != 0)
				continue;
			fprintf(output, "%zu %ld ", order[i], round);
			launch(output, report, &quiet,
			    &commands[order[i]]);
		}
	}
	free(order);
	return fclose(output) == 0 ? 0 : 1;
}
