/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load that makes wake-ups wait: N hogs that compute without end, and a task
 * that wakes every 5 ms and works for 3. Usage: load N. Dies with its parent.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	volatile unsigned long sum = 0;
	int i, n = argc > 1 ? atoi(argv[1]) : 6;

	for (i = 0; i < n; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			prctl(PR_SET_NAME, "hog");
			for (;;)
				sum++;
		}
	}
	prctl(PR_SET_NAME, "interactive");
	for (;;) {
		double until;

		nanosleep(&pause, NULL);
		until = now_ms() + 3;
		while (now_ms() < until)
			sum++;
	}
}
