// SPDX-License-Identifier: Apache-2.0
/*
 * The workload of the demo: a task somebody waits for, and hogs, in one session.
 *
 *   periodic SAMPLES [PERIOD_US [WORK_US]]      (default: 5000 2000)
 *
 * The task, named "interactive", wakes every PERIOD_US by the clock and works for WORK_US of an
 * idle machine. For each wake-up it appends to the file SAMPLES when it wanted to wake and how much
 * later it ran. A period that has passed before the work of the one before was done is missed, and
 * counted. Orders come on stdin, one a line; each is answered by one line of JSON on stdout:
 *
 *   hogs N      start or end hogs ("hog": they count, without end) until there are N
 *   mark NAME   the task's counters so far: run time, run delay (/proc/PID/schedstat), wake-ups
 *   quit        end everything; so does the end of stdin
 *
 * Every time is CLOCK_MONOTONIC in nanoseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SAMPLES 200000
#define MAX_HOGS 64
#define MAGIC 0x31646f6972657031ULL

struct sample {
	uint64_t due_ns;
	uint64_t delay_ns;
};

/* The file SAMPLES; guest/demo_data.py reads it. */
struct samples {
	uint64_t magic;
	uint64_t count;
	uint64_t missed;
	uint64_t reserved;
	struct sample sample[MAX_SAMPLES];
};

static struct samples *samples;
static volatile uint64_t sink;
static pid_t hogs[MAX_HOGS];
static int n_hogs;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "periodic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void work(uint64_t iterations)
{
	while (iterations--)
		sink++;
}

/* Iterations that take work_us when nothing else runs: by the best of many tries. */
static uint64_t calibrate(uint64_t work_us)
{
	const uint64_t probe = 200000;
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < 200; i++) {
		uint64_t begin = now_ns(), took;

		work(probe);
		took = now_ns() - begin;
		if (took < best)
			best = took;
	}
	return probe * work_us * 1000 / best;
}

static void interactive(uint64_t period_ns, uint64_t iterations)
{
	uint64_t due = now_ns();

	prctl(PR_SET_NAME, "interactive");
	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		uint64_t now, n = samples->count;
		struct timespec until;

		due += period_ns;
		for (now = now_ns(); due <= now; due += period_ns)
			samples->missed++;
		until.tv_sec = due / 1000000000ULL;
		until.tv_nsec = due % 1000000000ULL;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
			;
		now = now_ns();
		if (n < MAX_SAMPLES) {
			samples->sample[n].due_ns = due;
			samples->sample[n].delay_ns = now - due;
			__atomic_store_n(&samples->count, n + 1, __ATOMIC_RELEASE);
		}
		work(iterations);
	}
}

static pid_t child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
	}
	return pid;
}

static void set_hogs(int wanted)
{
	while (n_hogs < wanted) {
		pid_t pid = child();

		if (pid == 0) {
			prctl(PR_SET_NAME, "hog");
			for (;;)
				sink++;
		}
		hogs[n_hogs++] = pid;
	}
	while (n_hogs > wanted) {
		kill(hogs[--n_hogs], SIGKILL);
		waitpid(hogs[n_hogs], NULL, 0);
	}
}

static void order_hogs(int wanted)
{
	uint64_t begin = now_ns();
	int i;

	set_hogs(wanted);
	printf("{\"event\": \"hogs\", \"time_ns\": %llu, \"pids\": [", (unsigned long long)begin);
	for (i = 0; i < n_hogs; i++)
		printf("%s%d", i ? ", " : "", hogs[i]);
	printf("]}\n");
}

static void mark(const char *name, pid_t pid)
{
	unsigned long long run = 0, delay = 0, slices = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu %llu %llu", &run, &delay, &slices) != 3)
		die(path);
	fclose(file);
	printf("{\"event\": \"mark\", \"name\": \"%s\", \"time_ns\": %llu, \"run_ns\": %llu, "
	       "\"delay_ns\": %llu, \"wakeups\": %llu, \"missed\": %llu}\n", name,
	       (unsigned long long)now_ns(), run, delay,
	       (unsigned long long)__atomic_load_n(&samples->count, __ATOMIC_ACQUIRE),
	       (unsigned long long)samples->missed);
}

static void map_samples(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || ftruncate(fd, sizeof(*samples)))
		die(path);
	/* Populated now, so that no page fault is measured. */
	samples = mmap(NULL, sizeof(*samples), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		       fd, 0);
	if (samples == MAP_FAILED)
		die(path);
	samples->magic = MAGIC;
}

int main(int argc, char **argv)
{
	uint64_t period_us = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000;
	uint64_t work_us = argc > 3 ? strtoull(argv[3], NULL, 10) : 2000;
	uint64_t iterations;
	char line[128];
	pid_t pid;

	if (argc < 2 || argc > 4 || !period_us || period_us > 1000000 || work_us >= period_us) {
		fprintf(stderr, "usage: periodic SAMPLES [PERIOD_US [WORK_US]]\n");
		return 2;
	}
	map_samples(argv[1]);
	/* One session, and so one autogroup where there are any: the scheduler takes them as equals. */
	setsid();
	setvbuf(stdout, NULL, _IOLBF, 0);
	iterations = calibrate(work_us);
	pid = child();
	if (pid == 0)
		interactive(period_us * 1000, iterations);
	printf("{\"event\": \"ready\", \"time_ns\": %llu, \"pid\": %d, \"period_us\": %llu, "
	       "\"work_us\": %llu, \"iterations\": %llu}\n", (unsigned long long)now_ns(), pid,
	       (unsigned long long)period_us, (unsigned long long)work_us,
	       (unsigned long long)iterations);
	while (fgets(line, sizeof(line), stdin)) {
		char name[32];
		int n;

		if (sscanf(line, "hogs %d", &n) == 1 && n >= 0 && n <= MAX_HOGS)
			order_hogs(n);
		else if (sscanf(line, "mark %31[a-z0-9-]", name) == 1)
			mark(name, pid);
		else if (!strncmp(line, "quit", 4))
			break;
		else
			printf("{\"event\": \"error\"}\n");
	}
	set_hogs(0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
