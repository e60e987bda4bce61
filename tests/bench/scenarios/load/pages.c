// SPDX-License-Identifier: Apache-2.0
/*
 * A program with memory that it seldom uses, and a file that it reads all the time, at random.
 *
 *   pages ANON_MIB FILE FILE_MIB THREADS COLD_S
 *
 * Fills ANON_MIB of memory (pages that compress to about a quarter), then reads 4 KiB at random
 * places of FILE, made when it is not there, with THREADS threads, and sums up what it has read, as a
 * database does to tell whether a page is sound. All the time another thread goes
 * through the memory, page by page, and begins anew after COLD_S seconds. On SIGUSR1 the program goes
 * through all of it at once, while the threads wait, and prints "swept". Prints the reads since the
 * last line, several times a second.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define DIFFERENT 1024 /* bytes of a page that do not repeat */
#define TELL_NS 200000000L
#define TOUCH_NS 20000000L
#define MAX_THREADS 16

/* Readers are always there: a writer must not have to wait until there is none. */
static pthread_rwlock_t going = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Atomic uint64_t reads, sums;
static volatile sig_atomic_t sweep;
static uint64_t pages_of_file, pages_of_memory, cold_s;
static char *memory;
static int file;

static void on_signal(int number)
{
	(void)number;
	sweep = 1;
}

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *reader(void *seed)
{
	uint64_t state = 88172645463325252ULL + 7919 * (uintptr_t)seed;
	static __thread uint64_t page[PAGE / 8];

	for (;;) {
		uint64_t a = 1, b = 0;
		int i, j;

		pthread_rwlock_rdlock(&going);
		for (i = 0; i < 64; i++) {
			if (pread(file, page, PAGE, draw(&state) % pages_of_file * PAGE) != PAGE) {
				perror("pread");
				exit(1);
			}
			for (j = 0; j < PAGE / 8; j++) {
				a += page[j];
				b += a;
			}
		}
		pthread_rwlock_unlock(&going);
		atomic_fetch_add(&sums, b);
		atomic_fetch_add(&reads, 64);
	}
	return NULL;
}

/* Late is late: nothing is made up for, or a program that swaps would do nothing else. */
static void *toucher(void *arg)
{
	const uint64_t rounds = cold_s * 1000000000ULL / TOUCH_NS;
	struct timespec pause = { 0, TOUCH_NS };
	uint64_t round, i;

	for (round = 0;; round = (round + 1) % rounds) {
		nanosleep(&pause, NULL);
		pthread_rwlock_rdlock(&going);
		for (i = pages_of_memory * round / rounds;
		     i < pages_of_memory * (round + 1) / rounds; i++)
			memory[i * PAGE]++;
		pthread_rwlock_unlock(&going);
	}
	return arg;
}

static void make_file(const char *path)
{
	static char chunk[1 << 20];
	uint64_t i;

	file = open(path, O_RDWR | O_CREAT, 0644);
	if (file < 0) {
		perror(path);
		exit(1);
	}
	for (i = lseek(file, 0, SEEK_END) >> 20; i < pages_of_file >> 8; i++)
		if (pwrite(file, chunk, sizeof(chunk), i << 20) != sizeof(chunk)) {
			perror(path);
			exit(1);
		}
	fsync(file);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
}

static char *make_memory(uint64_t pages)
{
	char *made = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t i, at, state = 1181783497276652981ULL;

	if (made == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	madvise(made, pages * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < pages; i++)
		for (at = 0; at < DIFFERENT; at += 8) {
			uint64_t word = draw(&state), part;

			for (part = 0; part < PAGE; part += DIFFERENT)
				memcpy(made + i * PAGE + part + at, &word, 8);
		}
	return made;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct timespec pause = { 0, TELL_NS };
	pthread_t thread;
	uint64_t i;
	int threads;

	if (argc != 6) {
		fprintf(stderr, "usage: pages ANON_MIB FILE FILE_MIB THREADS COLD_S\n");
		return 2;
	}
	pages_of_memory = strtoull(argv[1], NULL, 10) << 8;
	pages_of_file = strtoull(argv[3], NULL, 10) << 8;
	threads = atoi(argv[4]);
	cold_s = strtoull(argv[5], NULL, 10);
	if (!pages_of_memory || !pages_of_file || !cold_s || threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "pages: sizes from 1 MiB and times from 1 s on, 1 to 16 threads\n");
		return 2;
	}
	sigaction(SIGUSR1, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_file(argv[2]);
	memory = make_memory(pages_of_memory);
	for (i = 0; i <= (uint64_t)threads; i++)
		if (pthread_create(&thread, NULL, i ? reader : toucher, (void *)(uintptr_t)i)) {
			fprintf(stderr, "pages: no thread\n");
			return 1;
		}
	for (;;) {
		nanosleep(&pause, NULL);
		if (sweep) {
			sweep = 0;
			pthread_rwlock_wrlock(&going);
			for (i = 0; i < pages_of_memory; i++)
				memory[i * PAGE]++;
			pthread_rwlock_unlock(&going);
			printf("swept\n");
		}
		printf("%llu\n", (unsigned long long)atomic_exchange(&reads, 0));
	}
}
