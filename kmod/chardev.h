/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_CHARDEV_H
#define AINKA_CHARDEV_H

int ainka_chardev_init(void);
void ainka_chardev_exit(void);

#endif
