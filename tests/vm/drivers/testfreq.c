// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU frequency driver for machines that have none: every CPU has a policy of
 * its own and runs at whatever frequency it was told last. For tests of what
 * talks to the cpufreq core.
 */
#include <linux/cpufreq.h>
#include <linux/module.h>

static bool per_policy;
module_param(per_policy, bool, 0444);
MODULE_PARM_DESC(per_policy, "governors have their settings in the folder of the policy");

static struct cpufreq_frequency_table table[] = {
	{ .frequency = 800000 },
	{ .frequency = 1600000 },
	{ .frequency = 2400000 },
	{ .frequency = 3200000 },
	{ .frequency = CPUFREQ_TABLE_END },
};

static unsigned int current_khz[NR_CPUS];

static int testfreq_init(struct cpufreq_policy *policy)
{
	current_khz[policy->cpu] = table[0].frequency;
	policy->cur = current_khz[policy->cpu];
	policy->cpuinfo.transition_latency = 1000;
	policy->freq_table = table;
	return 0;
}

static int testfreq_target(struct cpufreq_policy *policy, unsigned int index)
{
	current_khz[policy->cpu] = table[index].frequency;
	return 0;
}

static unsigned int testfreq_get(unsigned int cpu)
{
	return current_khz[cpu];
}

static struct cpufreq_driver driver = {
	.name = "testfreq",
	.init = testfreq_init,
	.verify = cpufreq_generic_frequency_table_verify,
	.target_index = testfreq_target,
	.get = testfreq_get,
};

static int __init testfreq_module_init(void)
{
	if (per_policy)
		driver.flags |= CPUFREQ_HAVE_GOVERNOR_PER_POLICY;
	return cpufreq_register_driver(&driver);
}

static void __exit testfreq_module_exit(void)
{
	cpufreq_unregister_driver(&driver);
}

module_init(testfreq_module_init);
module_exit(testfreq_module_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The AINKA authors");
MODULE_DESCRIPTION("A CPU frequency driver without hardware, for tests");
