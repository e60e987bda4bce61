/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_PSI_H
#define AINKA_PSI_H

#include <linux/types.h>

int ainka_psi_init(void);
void ainka_psi_exit(void);
int ainka_psi_total(const char *text, const char *kind, u64 *us);
u64 ainka_psi_permille(u64 now_us, u64 then_us, u64 ns);

#endif
