// SPDX-License-Identifier: Apache-2.0
/*
 * A bounded fork bomb that tells how far it got and when.
 *
 *   bomb CGROUP MARK LIMIT SECONDS
 *
 * Every process, in the cgroup of that folder, forks again and again; who fails
 * tries again every 10 ms, and who finds LIMIT of them forks no more. Times are
 * taken when MARK of them are there; when a fork fails for the first time after
 * that; when their number (pids.current) last was larger than ever, and when the
 * cgroup is frozen, which a real-time task looks for every millisecond. Who
 * counts is not in the cgroup, which may be frozen. After SECONDS prints one line
 * of JSON and ends all of them: times are CLOCK_MONOTONIC in nanoseconds, 0 where
 * it did not come to that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct shared {
	_Atomic uint64_t tasks;
	_Atomic uint64_t begun_ns;
	_Atomic uint64_t mark_ns;
	_Atomic uint64_t failed_ns;
	_Atomic uint64_t frozen_ns;
	_Atomic uint64_t bound_ns;
	_Atomic uint64_t failures;
	_Atomic uint64_t over;
};

static struct shared *shared;
static uint64_t mark, limit;
/* of who looks on */
static uint64_t most, grown_ns;

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

/* Looks on without being held up by those it looks at; they are ordinary tasks. */
static void look_first(void)
{
	struct sched_param param = { .sched_priority = 1 };

	/* Without the right to it we are a little later. */
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

static char text[256];

static bool read_text(int file)
{
	ssize_t length = file < 0 ? 0 : pread(file, text, sizeof(text) - 1, 0);

	text[length > 0 ? length : 0] = 0;
	return length > 0;
}

static void look(int events, int pids)
{
	uint64_t there;

	if (read_text(pids)) {
		there = strtoull(text, NULL, 10);
		if (there > most) {
			most = there;
			grown_ns = now_ns();
		}
	}
	if (read_text(events) && strstr(text, "frozen 1"))
		first(&shared->frozen_ns);
}

static void enter(int cgroup)
{
	if (write(cgroup, "0", 1) != 1) {
		perror("cgroup.procs");
		_exit(1);
	}
	close(cgroup);
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
		/* Beforehand as well: who forked may be stopped before it could tell. */
		if (number == mark)
			first(&shared->mark_ns);
		pid = fork();
		if (pid >= 0)
			continue;
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
	char path[4096];
	int cgroup, events, pids;

	if (argc != 5) {
		fprintf(stderr, "usage: bomb CGROUP MARK LIMIT SECONDS\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", argv[1]);
	cgroup = open(path, O_WRONLY);
	if (cgroup < 0) {
		perror(path);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/cgroup.events", argv[1]);
	events = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "%s/pids.current", argv[1]);
	pids = open(path, O_RDONLY);
	mark = strtoull(argv[2], NULL, 10);
	limit = strtoull(argv[3], NULL, 10);
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
	end = now_ns() + strtoull(argv[4], NULL, 10) * 1000000000ULL;
	switch (fork()) {
	case -1:
		perror("fork");
		return 1;
	case 0:
		prctl(PR_SET_NAME, "bomb");
		enter(cgroup);
		/* Who reads must not wait for those that are frozen. */
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		atomic_store(&shared->tasks, 1);
		explode();
	}
	look_first();
	while (now_ns() < end) {
		look(events, pids);
		pause_ms(1);
	}
	/* Those that ask once more are counted for a moment. */
	tasks = atomic_load(&shared->tasks);
	printf("{\"begun_ns\": %llu, \"mark_ns\": %llu, \"failed_ns\": %llu, "
	       "\"frozen_ns\": %llu, \"grown_ns\": %llu, \"bound_ns\": %llu, "
	       "\"ended_ns\": %llu, \"tasks\": %llu, \"failures\": %llu}\n",
	       (unsigned long long)atomic_load(&shared->begun_ns),
	       (unsigned long long)atomic_load(&shared->mark_ns),
	       (unsigned long long)atomic_load(&shared->failed_ns),
	       (unsigned long long)atomic_load(&shared->frozen_ns),
	       (unsigned long long)grown_ns,
	       (unsigned long long)atomic_load(&shared->bound_ns),
	       (unsigned long long)end,
	       (unsigned long long)(tasks < limit ? tasks : limit),
	       (unsigned long long)atomic_load(&shared->failures));
	atomic_store(&shared->over, 1);
	return 0;
}
