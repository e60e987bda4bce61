// SPDX-License-Identifier: Apache-2.0
/*
 * A program that has to have on disk what it writes, as a database's log has.
 *
 *   appender FILE PERIOD_MS
 *
 * Appends 4 KiB and calls fsync, once each PERIOD_MS by the clock. The schedule is open: who is late
 * does the next one at once, and its latency is counted from when it was due, so that waiting for
 * one that takes long is not forgotten. Prints for each "DUE_NS LATENCY_NS" (CLOCK_MONOTONIC).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SIZE 4096

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	static char block[SIZE];
	uint64_t period_ns, due;
	int fd;

	if (argc != 3 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: appender FILE PERIOD_MS\n");
		return 2;
	}
	period_ns = atoi(argv[2]) * 1000000ULL;
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (due = now_ns() + period_ns;; due += period_ns) {
		struct timespec until = { due / 1000000000ULL, due % 1000000000ULL };

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
			;
		if (write(fd, block, SIZE) != SIZE || fsync(fd)) {
			perror("append");
			return 1;
		}
		printf("%llu %llu\n", (unsigned long long)due,
		       (unsigned long long)(now_ns() - due));
	}
}
