/* What the worker may take, held by the engine (memory, stack) and by the kernel (processor, descriptors, processes). */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "bb.h"

/* More than most processes have; how much of it the engine may use is seen to in vm.c. */
#define MAX_STACK_KB 6144
/* More than any machine has, and no more bytes than a number holds. */
#define MAX_MEMORY_MB (1 << 30)
/* The kernel counts nanoseconds: seconds beyond would be few again. */
#define MAX_KERNEL (1 << 30)

static int64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long long value;
    if (text == NULL || *text == 0)
        return -1;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end != 0 || value < 0) {
        bb_note("%s is not a whole number; it is passed over", name);
        return -1;
    }
    return value;
}

void bb_limits_from_environment(struct bb_limits *limits)
{
    limits->memory_mb = number_of("BUNBASE_MEMORY_MB");
    limits->stack_kb = number_of("BUNBASE_STACK_KB");
    limits->cpu_seconds = number_of("BUNBASE_CPU_SECONDS");
    limits->max_fds = number_of("BUNBASE_MAX_FDS");
    limits->max_processes = number_of("BUNBASE_MAX_PROCESSES");
}

/* Lowers a limit; what is lower already stays. */
static void lower(__rlimit_resource_t resource, int64_t value)
{
    struct rlimit limit;
    if (value < 0 || getrlimit(resource, &limit) < 0)
        return;
    if (value > MAX_KERNEL)
        value = MAX_KERNEL;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > (rlim_t)value)
        limit.rlim_cur = (rlim_t)value;
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > (rlim_t)value)
        limit.rlim_max = (rlim_t)value;
    setrlimit(resource, &limit);
}

void bb_limits_apply(const struct bb_limits *limits)
{
    if (limits->memory_mb > 0)
        bb_memory_limit((size_t)(limits->memory_mb < MAX_MEMORY_MB ? limits->memory_mb : MAX_MEMORY_MB) * 1024 * 1024);
    if (limits->stack_kb > 0)
        bb_vm_stack((size_t)(limits->stack_kb < MAX_STACK_KB ? limits->stack_kb : MAX_STACK_KB) * 1024);
    lower(RLIMIT_CPU, limits->cpu_seconds > 0 ? limits->cpu_seconds : -1);
    lower(RLIMIT_NOFILE, limits->max_fds);
    lower(RLIMIT_NPROC, limits->max_processes);
    lower(RLIMIT_CORE, 0);
}
