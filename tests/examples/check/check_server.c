/* SPDX-License-Identifier: ISC */
/* A service for all tests of a case, and one for each test of another. */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static pid_t portexec;
static int ours, failed;
static char port[8];

/* The service also ends with this process, whose end of the socket pair is
 * closed then: cat(1) ends, and portexec stops the service. */
static void
start(void)
{
	ssize_t got;
	int pair[2];

	ck_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair) == 0);
	portexec = fork();
	if (portexec == 0) {
		dup2(pair[1], STDIN_FILENO);
		execlp("portexec", "portexec", "-t", "3",
		    "-c", "printf {port} >&0; exec cat", "--",
		    "python3", "server.py", "--port", "{port}", NULL);
		perror("portexec");
		_exit(127);
	}
	close(pair[1]);
	ours = pair[0];
	got = read(ours, port, sizeof(port) - 1);
	ck_assert_msg(got > 0, "portexec has ended");
	port[got] = '\0';
}

static int
end(void)
{
	int status = 1;

	close(ours);
	waitpid(portexec, &status, 0);
	return status;
}

static void
stop(void)
{
	ck_assert_int_eq(end(), 0);
}

/* After the last test: a ck_assert would end the runner without a word. */
static void
stop_shared(void)
{
	failed = end() != 0;
}

/* A test is a process of its own, which ends with the runner as well. */
static void
end_with_runner(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

START_TEST(says_hello)
{
	char command[100], answer[100];
	FILE *curl;

	snprintf(command, sizeof(command), "curl -fsS 127.0.0.1:%s/check",
	    port);
	curl = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(answer, sizeof(answer), curl));
	ck_assert_int_eq(pclose(curl), 0);
	ck_assert_str_eq(answer, "hello from /check\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("server");
	TCase *shared = tcase_create("shared"), *own = tcase_create("own");
	SRunner *runner = srunner_create(suite);

	suite_add_tcase(suite, shared);
	tcase_add_unchecked_fixture(shared, start, stop_shared);
	tcase_add_checked_fixture(shared, end_with_runner, NULL);
	tcase_add_test(shared, says_hello);

	suite_add_tcase(suite, own);
	tcase_add_checked_fixture(own, end_with_runner, NULL);
	tcase_add_checked_fixture(own, start, stop);
	tcase_add_test(own, says_hello);

	srunner_run_all(runner, CK_NORMAL);
	failed += srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
