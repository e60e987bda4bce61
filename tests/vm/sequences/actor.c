/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that does as it is told: every thread of it has a socket of its own and
 * takes orders there. Usage: ainka-actor NAME DRIVER (names of abstract unix
 * datagram sockets). An order is answered when it is done:
 *
 *	fork NEW	a child, which answers "NEW TID" itself
 *	thread NEW	another thread of this process, which answers itself
 *	exec		this thread executes the program anew under its own name
 *	burn MS		compute for so long
 *	storm N		N children that end at once
 *	leave		only this thread ends
 *	exit		the process ends
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME_LEN 32

static const char *driver;

static socklen_t address(struct sockaddr_un *to, const char *name)
{
	memset(to, 0, sizeof(*to));
	to->sun_family = AF_UNIX;
	/* abstract: the name begins with a NUL */
	snprintf(to->sun_path + 1, sizeof(to->sun_path) - 1, "%s", name);
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void answer(int sock, const char *name)
{
	struct sockaddr_un to;
	socklen_t len = address(&to, driver);
	char text[NAME_LEN + 16];

	snprintf(text, sizeof(text), "%s %ld", name, (long)syscall(SYS_gettid));
	if (sendto(sock, text, strlen(text), 0, (struct sockaddr *)&to, len) < 0)
		die("sendto");
}

static int open_door(const char *name)
{
	struct sockaddr_un own;
	socklen_t len = address(&own, name);
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&own, len) < 0)
		die("bind");
	return sock;
}

static void burn(int ms)
{
	struct timespec now;
	long long end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + ms;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (now.tv_sec * 1000LL + now.tv_nsec / 1000000 < end);
}

static void storm(int n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

static void serve(const char *given);

static void *thread(void *name)
{
	serve(name);
	return NULL;
}

static void new_thread(const char *name)
{
	pthread_t id;

	if (pthread_create(&id, NULL, thread, strdup(name)))
		die("pthread_create");
	pthread_detach(id);
}

static void new_child(const char *name)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	close_range(3, ~0U, 0);
	serve(name);
}

static void execute_anew(const char *name)
{
	char own[NAME_LEN], to[NAME_LEN];
	char *const argv[] = { "ainka-actor", own, to, NULL };

	snprintf(own, sizeof(own), "%s", name);
	snprintf(to, sizeof(to), "%s", driver);
	/* a process whose first thread has left has no /proc/self/exe */
	execv("/proc/thread-self/exe", argv);
	die("execv");
}

/* Does not return. */
static void serve(const char *given)
{
	char name[NAME_LEN], line[64], verb[16], arg[NAME_LEN];
	int sock;

	snprintf(name, sizeof(name), "%s", given);
	sock = open_door(name);
	answer(sock, name);
	for (;;) {
		ssize_t n = recv(sock, line, sizeof(line) - 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("recv");
		line[n] = '\0';
		arg[0] = '\0';
		if (sscanf(line, "%15s %31s", verb, arg) < 1)
			continue;
		if (!strcmp(verb, "fork")) {
			new_child(arg);
		} else if (!strcmp(verb, "thread")) {
			new_thread(arg);
		} else if (!strcmp(verb, "exec")) {
			close(sock);
			execute_anew(name);
		} else if (!strcmp(verb, "leave")) {
			close(sock);
			syscall(SYS_exit, 0);
		} else if (!strcmp(verb, "exit")) {
			_exit(0);
		} else {
			if (!strcmp(verb, "burn"))
				burn(atoi(arg));
			else if (!strcmp(verb, "storm"))
				storm(atoi(arg));
			answer(sock, name);
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction reap = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

	if (argc != 3) {
		fprintf(stderr, "usage: ainka-actor NAME DRIVER\n");
		return 2;
	}
	driver = argv[2];
	/* nobody waits for the children */
	sigaction(SIGCHLD, &reap, NULL);
	serve(argv[1]);
}
