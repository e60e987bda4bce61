// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The only process of a guest that counts instructions: loads the module, adds
 * policies through /proc/ainka, lets time pass and shows what evaluation cost.
 * With -icount shift=0 one instruction takes one virtual nanosecond.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	printf("icount: failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void nap(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };

	nanosleep(&t, NULL);
}

static void load(const char *file, const char *parameters)
{
	int fd = open(file, O_RDONLY);

	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		die(file);
	close(fd);
}

static void unload(const char *name)
{
	if (syscall(SYS_delete_module, name, 0))
		die(name);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void command(const char *text)
{
	write_file("/proc/ainka", text);
}

/* Every line of /proc/ainka that begins with @start, behind a label. */
static void show(const char *label, const char *start)
{
	FILE *f = fopen("/proc/ainka", "r");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, start, strlen(start)))
			printf("icount: %s: %s", label, line);
	if (f)
		fclose(f);
}

static void evaluation(int policies, const char *terms, const char *label)
{
	char text[800];
	int i;

	load("/ainka.ko", "tick_us=10000 max_policies=256");
	for (i = 0; i < policies; i++) {
		snprintf(text, sizeof(text),
			 "policy add p%d mode observe when %s set sysctl.vm.swappiness=60", i, terms);
		command(text);
	}
	/* the rounds that adding caused are few among these */
	nap(10);
	show(label, "evaluations");
	unload("ainka");
}

#define VALUE "/sys/module/ainka_client/parameters/value"

/*
 * A timer's interrupt reports an event, and a sysctl is changed: the sample
 * module reports, and every second the condition becomes true or false. Time
 * spent idle costs nothing here, so there is as much of it as budgets want.
 */
static void event(int policies, int changes, const char *label)
{
	char text[200];
	int i;

	load("/ainka.ko", "tick_us=100000 max_policies=256 park_turns=1000000");
	load("/ainka_client.ko", "value=5 period_ms=50");
	for (i = 1; i < policies; i++) {
		snprintf(text, sizeof(text),
			 "policy add p%d mode observe when %s set sysctl.vm.swappiness=60", i,
			 "sample.queue_count > 1000 and sample.queue_count < 99999");
		command(text);
	}
	command("policy add reacts mode enforce when sample.queue_count > 100 set sysctl.vm.swappiness=11");
	for (i = 0; i < changes; i++) {
		nap(1.1);
		write_file(VALUE, i % 2 ? "5" : "500");
	}
	nap(1.1);
	show(label, "events that changed");
	unload("ainka_client");
	unload("ainka");
}

#define ONE "ainka.uptime_ms > 99999999"
#define FOUR "ainka.uptime_ms > 0 and ainka.uptime_ms < 99999999 and " \
	"ainka.uptime_ms != 1 and ainka.uptime_ms > 99999998"

int main(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("mount");
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	evaluation(1, ONE, "1 policy of 1 term");
	evaluation(1, FOUR, "1 policy of 4 terms");
	evaluation(64, FOUR, "64 policies of 4 terms");
	evaluation(128, FOUR, "128 policies of 4 terms");
	event(1, 200, "event to change, 1 policy");
	event(64, 200, "event to change, 64 policies");
	printf("icount: done\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
