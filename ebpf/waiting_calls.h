/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * System calls whose purpose it is to wait, by their number: those of x86-64, or
 * those of asm-generic/unistd.h, which the newer architectures have. A task of
 * another word size has other numbers, and is judged by these all the same.
 */
#ifndef AINKA_WAITING_CALLS_BPF_H
#define AINKA_WAITING_CALLS_BPF_H

#define WAITING_CALLS	512

static const u8 waiting[WAITING_CALLS] = {
#ifdef __TARGET_ARCH_x86
	[7] = 1,	/* poll */
	[23] = 1,	/* select */
	[34] = 1,	/* pause */
	[35] = 1,	/* nanosleep */
	[61] = 1,	/* wait4 */
	[128] = 1,	/* rt_sigtimedwait */
	[130] = 1,	/* rt_sigsuspend */
	[202] = 1,	/* futex */
	[208] = 1,	/* io_getevents */
	[219] = 1,	/* restart_syscall */
	[230] = 1,	/* clock_nanosleep */
	[232] = 1,	/* epoll_wait */
	[247] = 1,	/* waitid */
	[270] = 1,	/* pselect6 */
	[271] = 1,	/* ppoll */
	[281] = 1,	/* epoll_pwait */
	[333] = 1,	/* io_pgetevents */
#else
	[4] = 1,	/* io_getevents */
	[22] = 1,	/* epoll_pwait */
	[72] = 1,	/* pselect6 */
	[73] = 1,	/* ppoll */
	[95] = 1,	/* waitid */
	[98] = 1,	/* futex */
	[101] = 1,	/* nanosleep */
	[115] = 1,	/* clock_nanosleep */
	[128] = 1,	/* restart_syscall */
	[133] = 1,	/* rt_sigsuspend */
	[137] = 1,	/* rt_sigtimedwait */
	[260] = 1,	/* wait4 */
	[292] = 1,	/* io_pgetevents */
#endif
	/* the same everywhere */
	[426] = 1,	/* io_uring_enter */
	[441] = 1,	/* epoll_pwait2 */
	[449] = 1,	/* futex_waitv */
	[455] = 1,	/* futex_wait */
};

#endif
