// SPDX-License-Identifier: Apache-2.0
/*
 * Makes an exact number of processes and threads, one after another:
 *
 *   processes forks N      N children that execute this file again and end with status i % 100
 *   processes threads N    N threads
 *   processes groups N     N children of four threads more, which all end at once
 *   processes leaders N    N children of which a thread executes this file
 *   processes worker       one child that burns CPU time and touches memory; prints what wait4 says
 *   processes killed       one child that is killed by SIGKILL
 *
 * It waits for a byte on its input before it begins. It exits with 1 when something fails.
 */
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define MEGABYTES 30

static char *path;
static pthread_barrier_t together;

static void execute(int status)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", status);
	execl(path, path, "end", text, NULL);
	_exit(127);
}

static void *nothing(void *unused)
{
	return unused;
}

/* Half of them end by themselves, half end the process. */
static void *end_together(void *number)
{
	pthread_barrier_wait(&together);
	if ((long)number & 1)
		_exit(3);
	return NULL;
}

static void *execute_in_thread(void *unused)
{
	(void)unused;
	execute(5);
	return NULL;
}

static void group(void)
{
	pthread_t thread;

	pthread_barrier_init(&together, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, end_together, (void *)i))
			_exit(127);
	pthread_barrier_wait(&together);
	pthread_exit(NULL);
}

static void leader(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, execute_in_thread, NULL))
		_exit(127);
	for (;;)
		pause();
}

static void worker(void)
{
	char *volatile memory = malloc(MEGABYTES << 20);
	struct timespec now;

	if (!memory)
		_exit(127);
	memset(memory, 1, MEGABYTES << 20);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < 500);
	_exit(memory[12345] == 1 ? 7 : 8);
}

static void killed(void)
{
	raise(SIGKILL);
}

static void child(void (*work)(void), int status)
{
	struct rusage usage;
	pid_t pid = fork();
	int found;

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (work)
			work();
		execute(status);
	}
	if (wait4(pid, &found, 0, &usage) != pid)
		err(1, "wait4");
	if (WIFEXITED(found) && WEXITSTATUS(found) == 127)
		errx(1, "a child could not do its work");
	if (work == worker || work == killed)
		printf("%d %d %ld %ld\n", pid, found, usage.ru_maxrss,
		       (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 1;
	void (*work)(void) = NULL;
	pthread_t thread;

	path = argv[0];
	if (!strcmp(what, "end"))
		_exit(n);
	getchar();
	if (!strcmp(what, "threads")) {
		for (int i = 0; i < n; i++)
			if (pthread_create(&thread, NULL, nothing, NULL) ||
			    pthread_join(thread, NULL))
				errx(1, "no thread");
		return 0;
	}
	if (!strcmp(what, "groups"))
		work = group;
	else if (!strcmp(what, "leaders"))
		work = leader;
	else if (!strcmp(what, "worker"))
		work = worker;
	else if (!strcmp(what, "killed"))
		work = killed;
	else if (strcmp(what, "forks"))
		errx(1, "usage: processes forks|threads|groups|leaders|worker|killed [N]");
	for (int i = 0; i < n; i++)
		child(work, i % 100);
	return 0;
}
