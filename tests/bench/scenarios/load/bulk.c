// SPDX-License-Identifier: Apache-2.0
/*
 * A program that writes much and waits for nothing, as a backup does.
 *
 *   bulk FILE MIB
 *
 * Writes MIB mebibytes into FILE, then again from its beginning, without end and without fsync. On
 * SIGUSR1 it gives up what is not on disk yet: it truncates the file and begins anew. Prints the
 * bytes written since the last line, several times a second.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (256 << 10)
#define TELL_NS 100000000ULL

static volatile sig_atomic_t again;

static void on_signal(int number)
{
	(void)number;
	again = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	uint64_t told = now_ns(), written = 0;
	off_t size, at = 0;
	char *chunk;
	int fd;

	if (argc != 3 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: bulk FILE MIB\n");
		return 2;
	}
	size = (off_t)atoi(argv[2]) << 20;
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	chunk = malloc(CHUNK);
	if (fd < 0 || !chunk) {
		perror(argv[1]);
		return 1;
	}
	memset(chunk, 0x5a, CHUNK);
	sigaction(SIGUSR1, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		ssize_t done;

		if (again) {
			again = 0;
			at = 0;
			if (ftruncate(fd, 0)) {
				perror("ftruncate");
				return 1;
			}
			printf("again\n");
		}
		done = pwrite(fd, chunk, CHUNK, at);
		if (done <= 0) {
			perror("write");
			return 1;
		}
		at = at + done >= size ? 0 : at + done;
		written += done;
		if (now_ns() - told >= TELL_NS) {
			printf("%llu\n", (unsigned long long)written);
			written = 0;
			told = now_ns();
		}
	}
}
