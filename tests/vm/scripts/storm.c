// SPDX-License-Identifier: Apache-2.0
/*
 * Forks as a program gone wild does, within bounds.
 *
 *   storm stay N     fork N children that sleep, 500 a second, going on after failures, until it is
 *                    killed
 *   storm fork       fork children that end at once, until it is killed
 *
 * Children share what they can with their parent: on a busy machine under emulation copying page
 * tables and open files takes so long that nobody would call it a storm.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHARED (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND)
/* The dynamic linker saves all registers on it: 3 KiB. Only what is touched costs. */
#define STACK_BYTES (16 << 10)
#define PERIOD_NS 2000000L

static int sleeps(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

static int ends(void *unused)
{
	(void)unused;
	_exit(0);
	return 0;
}

/* Until the next fork is due; what is late is caught up with. */
static void pace(void)
{
	static struct timespec due;

	if (!due.tv_sec)
		clock_gettime(CLOCK_MONOTONIC, &due);
	due.tv_nsec += PERIOD_NS;
	if (due.tv_nsec >= 1000000000L) {
		due.tv_nsec -= 1000000000L;
		due.tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

int main(int argc, char **argv)
{
	int stay = argc == 3 && !strcmp(argv[1], "stay");
	long left = stay ? atol(argv[2]) : 0;
	char *stacks, *stack;
	int status;

	if (!stay && (argc != 2 || strcmp(argv[1], "fork"))) {
		fprintf(stderr, "usage: storm stay N | fork\n");
		return 2;
	}
	stacks = mmap(NULL, (left + 1) * STACK_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED) {
		perror("storm");
		return 1;
	}
	/* Children that crash are dumped, and that takes so long that it is no storm. */
	if (clone(ends, stacks + STACK_BYTES, SHARED | SIGCHLD, NULL) < 0 || wait(&status) < 0 ||
	    !WIFEXITED(status)) {
		fprintf(stderr, "storm: the first child did not end by itself\n");
		return 1;
	}
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	while (stay ? left > 0 : 1) {
		stack = stacks + (left + 1) * STACK_BYTES;
		if (stay)
			pace();
		if (stay ? clone(sleeps, stack, SHARED | SIGCHLD, NULL) < 0 :
			   clone(ends, stack, SHARED | CLONE_VFORK | SIGCHLD, NULL) < 0)
			usleep(10000);
		else if (stay)
			left--;
	}
	for (;;)
		pause();
}
