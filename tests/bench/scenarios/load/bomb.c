// SPDX-License-Identifier: Apache-2.0
/*
 * A bounded fork bomb that tells how far it got and when.
 *
 *   bomb MARK LIMIT SECONDS
 *
 * Every process forks again and again. When MARK of them are there the time is taken, and when a
 * fork fails for the first time after that: from then on whoever fails tries again every 10 ms. Who
 * finds LIMIT of them forks no more. After SECONDS prints one line of JSON and ends all of them:
 * times are CLOCK_MONOTONIC in nanoseconds, 0 where it did not come to that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct shared {
	_Atomic uint64_t tasks;
	_Atomic uint64_t begun_ns;
	_Atomic uint64_t mark_ns;
	_Atomic uint64_t failed_ns;
	_Atomic uint64_t bound_ns;
	_Atomic uint64_t failures;
	_Atomic uint64_t over;
};

static struct shared *shared;
static uint64_t mark, limit;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void first(_Atomic uint64_t *when)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(when, &none, now_ns());
}

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void explode(void)
{
	while (!atomic_load(&shared->over)) {
		/* Counted beforehand: the child may be a long time coming. */
		uint64_t number = atomic_fetch_add(&shared->tasks, 1) + 1;
		pid_t pid;

		if (number > limit) {
			atomic_fetch_sub(&shared->tasks, 1);
			first(&shared->bound_ns);
			pause_ms(100);
			continue;
		}
		pid = fork();
		if (pid >= 0) {
			if (pid > 0 && number == mark)
				first(&shared->mark_ns);
			continue;
		}
		atomic_fetch_sub(&shared->tasks, 1);
		atomic_fetch_add(&shared->failures, 1);
		if (atomic_load(&shared->mark_ns))
			first(&shared->failed_ns);
		pause_ms(10);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t end, tasks;

	if (argc != 4) {
		fprintf(stderr, "usage: bomb MARK LIMIT SECONDS\n");
		return 2;
	}
	mark = strtoull(argv[1], NULL, 10);
	limit = strtoull(argv[2], NULL, 10);
	if (mark < 2 || limit < mark || limit > 4000) {
		fprintf(stderr, "bomb: 2 <= MARK <= LIMIT <= 4000\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	atomic_store(&shared->begun_ns, now_ns());
	end = now_ns() + strtoull(argv[3], NULL, 10) * 1000000000ULL;
	switch (fork()) {
	case -1:
		perror("fork");
		return 1;
	case 0:
		prctl(PR_SET_NAME, "bomb");
		atomic_store(&shared->tasks, 1);
		explode();
	}
	while (now_ns() < end)
		pause_ms(10);
	/* Those that ask once more are counted for a moment. */
	tasks = atomic_load(&shared->tasks);
	printf("{\"begun_ns\": %llu, \"mark_ns\": %llu, \"failed_ns\": %llu, \"bound_ns\": %llu, "
	       "\"tasks\": %llu, \"failures\": %llu}\n",
	       (unsigned long long)atomic_load(&shared->begun_ns),
	       (unsigned long long)atomic_load(&shared->mark_ns),
	       (unsigned long long)atomic_load(&shared->failed_ns),
	       (unsigned long long)atomic_load(&shared->bound_ns),
	       (unsigned long long)(tasks < limit ? tasks : limit),
	       (unsigned long long)atomic_load(&shared->failures));
	atomic_store(&shared->over, 1);
	return 0;
}
