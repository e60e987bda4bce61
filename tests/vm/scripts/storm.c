// SPDX-License-Identifier: Apache-2.0
/*
 * Forks as a program gone wild does, within bounds.
 *
 *   storm stay N     fork N children that sleep, going on after failures, until it is killed
 *   storm fork       fork children that end at once, until it is killed
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int stay = argc == 3 && !strcmp(argv[1], "stay");
	long left = stay ? atol(argv[2]) : 0;

	if (!stay && (argc != 2 || strcmp(argv[1], "fork"))) {
		fprintf(stderr, "usage: storm stay N | fork\n");
		return 2;
	}
	while (stay ? left > 0 : 1) {
		/* sharing memory makes it fast, also where every page fault is emulated */
		pid_t pid = stay ? fork() : vfork();

		if (pid == 0 && !stay)
			_exit(0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (pid < 0)
			usleep(10000);
		else if (!stay)
			waitpid(pid, NULL, 0);
		else
			left--;
	}
	for (;;)
		pause();
}
