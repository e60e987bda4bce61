/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_PSI_H
#define AINKA_PSI_H

int ainka_psi_init(void);
void ainka_psi_exit(void);

#endif
