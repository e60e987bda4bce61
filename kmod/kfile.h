/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_KFILE_H
#define AINKA_KFILE_H

#include <linux/types.h>

/* Longest text read from or written to an attribute, with its NUL. */
#define AINKA_KFILE_LEN 128

#define AINKA_NAMES_MAX		256
#define AINKA_FILE_NAME_LEN	32

/* struct ainka_names - names of files; too large for a stack */
struct ainka_names {
	unsigned int n;
	char name[AINKA_NAMES_MAX][AINKA_FILE_NAME_LEN];
};

int ainka_kfile_init(void);
void ainka_kfile_exit(void);

int ainka_proc_read(const char *path, char *buf, size_t size);
int ainka_proc_write(const char *path, const char *text);
int ainka_sys_read(const char *path, char *buf, size_t size);
int ainka_sys_write(const char *path, const char *text);
int ainka_sys_list(const char *path, struct ainka_names *names);
struct file;

int ainka_file_read(struct file *file, char *buf, size_t size);
int ainka_file_write(struct file *file, const char *text);
int ainka_path_read(const char *path, char *buf, size_t size);
int ainka_path_write(const char *path, const char *text);

#endif
