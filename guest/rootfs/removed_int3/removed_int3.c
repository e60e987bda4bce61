// SPDX-License-Identifier: GPL-2.0-only
/*
 * removed_int3: go on after a breakpoint that is not there any more. For emulated guests only.
 *
 * A kernel changes its own code by writing a breakpoint (int3), then the rest, then the first byte,
 * and between two steps makes sure that no CPU is still on the old code. QEMU with a thread per CPU
 * can break that: a CPU that translates the page while another writes to it may keep a translation
 * with the breakpoint, and the kernel, which has no handler for it left, dies of "Oops: int3".
 * Where memory holds something else than a breakpoint, this module has the emulator forget its
 * translation, by writing the byte that is there, and runs the instruction again.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/page.h>
#include <asm/ptrace.h>

#define INT3 0xcc
/* So many in a row at one address mean that running it again does not help. */
#define TRIES 10000

static unsigned long text, text_end;
static u8 *writable;

static atomic_long_t again = ATOMIC_LONG_INIT(0);
static unsigned long last;
static unsigned int tries;

static int on_die(struct notifier_block *self, unsigned long event, void *data)
{
	struct die_args *args = data;
	unsigned long at = args->regs->ip - 1;
	u8 *byte;

	if (event != DIE_INT3 || user_mode(args->regs) || at < text || at >= text_end)
		return NOTIFY_DONE;
	byte = writable + (at - text);
	if (READ_ONCE(*byte) == INT3)
		return NOTIFY_DONE;
	tries = at == last ? tries + 1 : 0;
	last = at;
	if (tries > TRIES)
		return NOTIFY_DONE;
	/* cmpxchg: another CPU may be changing this code right now. */
	cmpxchg(byte, READ_ONCE(*byte), READ_ONCE(*byte));
	atomic_long_inc(&again);
	args->regs->ip = at;
	return NOTIFY_STOP;
}
NOKPROBE_SYMBOL(on_die);

static struct notifier_block notifier = {
	.notifier_call = on_die,
	.priority = INT_MAX,
};

/* Neither the bounds of the kernel's text nor the function that finds symbols is exported. */
static unsigned long address_of(const char *name)
{
	static unsigned long (*lookup)(const char *name);
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };

	if (!lookup && !register_kprobe(&probe)) {
		lookup = (void *)probe.addr;
		unregister_kprobe(&probe);
	}
	return lookup ? lookup(name) : 0;
}

static int show(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%ld\n", atomic_long_read(&again));
}

static const struct kernel_param_ops again_ops = { .get = show };
module_param_cb(again, &again_ops, NULL, 0444);
MODULE_PARM_DESC(again, "instructions that were run again");

static int __init removed_int3_init(void)
{
	struct page **pages;
	unsigned long count, i;
	int err;

	text = address_of("_text");
	text_end = address_of("_etext");
	if (!text || text_end <= text || !PAGE_ALIGNED(text))
		return -ENOENT;
	count = DIV_ROUND_UP(text_end - text, PAGE_SIZE);
	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		pages[i] = virt_to_page((void *)(text + i * PAGE_SIZE));
	writable = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!writable)
		return -ENOMEM;
	err = register_die_notifier(&notifier);
	if (err)
		vunmap(writable);
	return err;
}

static void __exit removed_int3_exit(void)
{
	unregister_die_notifier(&notifier);
	vunmap(writable);
}

module_init(removed_int3_init);
module_exit(removed_int3_exit);
MODULE_DESCRIPTION("Go on after a breakpoint that the emulator did not see removed");
MODULE_LICENSE("GPL");
