/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_FORK_H
#define AINKA_FORK_H

int ainka_fork_init(void);
void ainka_fork_exit(void);

#endif
