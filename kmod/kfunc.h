/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_KFUNC_H
#define AINKA_KFUNC_H

void ainka_kfunc_init(void);
const char *ainka_kfunc_absent(void);

#endif
