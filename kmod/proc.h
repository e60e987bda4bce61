/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_PROC_H
#define AINKA_PROC_H

int ainka_proc_init(void);
void ainka_proc_exit(void);
int ainka_proc_command(char *line);

#endif
