/*
 * What the files of the worker share. A process has one engine: its runtime, context and state are process-wide.
 * Every name that crosses files begins with `bb_`.
 */
#ifndef BB_H
#define BB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"
#include "wire_constants.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Exit codes: the host broke the protocol (or no transport); the bundle could not be loaded; memory ran out. */

extern JSRuntime *bb_rt;
extern JSContext *bb_ctx;

/* vm.c: the engine with its limits, the job queue, what nobody caught. */
void bb_vm_open(void);
void bb_vm_close(void);
/* Takes over what the core's module exports for the session. */
bool bb_vm_take_hooks(JSValueConst core);
enum bb_hook { BB_HOOK_START, BB_HOOK_MESSAGE, BB_HOOK_UNCAUGHT, BB_HOOK_REJECTION, BB_HOOK_INTERRUPTED, BB_HOOK_EXHAUSTED,
    BB_HOOK_FORKED, BB_HOOK_ZYGOTE, BB_HOOK_REFUSED, BB_HOOK_DRAINED, BB_HOOK_COUNT };
/* Calls a hook; whatever it throws is reported. */
void bb_vm_hook(enum bb_hook hook, int argc, JSValueConst *argv);
/* Calls a function as a task of its own: what it throws is reported as uncaught. Consumes nothing. */
void bb_vm_task(JSValueConst function, JSValueConst context);
/* Runs jobs for at most `budget_us`; true when none is left. */
bool bb_vm_jobs(uint64_t budget_us);
/* Reports rejections that nobody handled, for at most `budget_us`; true when none is left. To be called when no job is left. */
bool bb_vm_rejections(uint64_t budget_us);
/* Looks at the exception that is pending: an interrupted invocation, or something uncaught. */
void bb_vm_report(void);
/* Whether what was thrown says that there is no memory left; then everybody in flight hears of it, and the worker ends. */
bool bb_vm_out_of_memory(JSValueConst thrown);
/* How the engine's stack size is set, bytes. */
void bb_vm_stack(size_t bytes);
/* While a part of the library is evaluated, it has stack and memory beyond the function's; calls nest. */
void bb_vm_headroom(bool more);

/* rejections.c: promises that were rejected and that nobody handles. */
void bb_rejections_add(JSValueConst promise, JSValueConst reason);
void bb_rejections_remove(JSValueConst promise);
/* The oldest, which is the caller's then; false when there is none. */
bool bb_rejections_take(JSValue *promise, JSValue *reason, JSValue *context);
/* Whether there was no memory to keep one. */
bool bb_rejections_lost(void);
void bb_rejections_free(void);

/* memory.c: the engine's allocator, which knows its limit. */
extern const JSMallocFunctions bb_memory_functions;
extern const JSSharedArrayBufferFunctions bb_shared_buffer_functions;
/* Bytes; 0: none. */
void bb_memory_limit(size_t bytes);
/* Bytes that are left of the limit; SIZE_MAX: there is none. */
size_t bb_memory_room(void);
/* js_malloc for what may be large: garbage is collected before it is refused. */
void *bb_alloc(JSContext *ctx, size_t size);
/* True once an allocation was refused. */
bool bb_memory_exhausted(void);
/* Lets the engine have a little more than its limit, so that it can say that it has reached it. */
void bb_memory_relieve(void);
/* As much again, for a while. */
void bb_memory_headroom(bool more);

/* loop.c: libuv, the transport, ends. */
int bb_loop_open(int in, int out);
void bb_loop_run(void) __attribute__((noreturn));
/* Hands the host what it takes now. */
void bb_loop_flush(void);
/* Ends once the output is taken, at the latest after BB_FLUSH_MS. */
void bb_loop_flush_then_exit(int code);
/* Calls the hook `drained` as soon as the output is not clogged any more. */
void bb_loop_when_drained(void);
/* Whether the process only waits for its output to be taken; whether it has waited long enough. */
bool bb_loop_is_ending(void);
bool bb_loop_is_over(void);
/* The host has closed its end, or must not be heard any more. */
void bb_exit_now(int code) __attribute__((noreturn));
/* Monotonic microseconds. */
uint64_t bb_now_us(void);

/* wire.c: lines in, lines out. */
void bb_wire_reset(void);
/* Bytes of the host, however cut. Calls `bb_session_line` for each line, and leaves lines lying while the output is clogged. */
void bb_wire_push(const uint8_t *bytes, size_t length);
/* Takes the lines that were left lying; whether there was one to take. */
bool bb_wire_lines(void);
/*
 * Whether the host leaves more unread than may be kept for it. What is on its way to the host is outside of the function's
 * memory limit: until the host has read on, nothing is taken from it, and what is large is not sent.
 */
bool bb_wire_is_clogged(void);
/* Appends to the output. */
void bb_wire_send(const char *bytes, size_t length);
/* Room at the end of the output for `length` bytes, which count as sent. */
uint8_t *bb_wire_room(size_t length);
size_t bb_wire_queued(void);
/* Writes what `out` takes; false when the other end is gone. */
bool bb_wire_flush(int out);
/* One line of the host's: NUL-terminated, without its newline. */
void bb_session_line(uint8_t *line, size_t length);
/* A note to the host's operator, on standard error. */
void bb_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* timers.c: a heap of its own, so that a fork carries open timers over. */
JSValue bb_timers_set(JSContext *ctx, double delay_ms, JSValueConst callback);
void bb_timers_clear(double id);
/* Microseconds until the next one is due; -1: there is none. */
int64_t bb_timers_next(void);
/* Runs what is due, each as a task of its own. */
void bb_timers_run(void);
void bb_timers_free(void);

/* module.c: the user's modules, always from source. */
void bb_module_init(void);
JSValue bb_module_load(JSContext *ctx, const char *path);

/* library.c: our own modules, embedded as bytecode. */
struct bb_segment {
    const char *name;
    const uint8_t *code;
    uint32_t length;
};
extern const struct bb_segment bb_segments[];
extern const int bb_segment_count;
/* The module's definition; NULL with an exception pending when there is none. */
JSModuleDef *bb_library_module(JSContext *ctx, const char *name);
/* The namespace of the evaluated segment. */
JSValue bb_library_segment(JSContext *ctx, const char *name);

/* native.c: what the library sees of this program. */
JSModuleDef *bb_native_module(JSContext *ctx);
/* Each file with functions of `Native` adds them to its object. */
void bb_session_init(JSContext *ctx, JSValueConst target);
void bb_bytes_init(JSContext *ctx, JSValueConst target);
void bb_engine_init(JSContext *ctx, JSValueConst target);
/* `Native.url()` and `Native.crypto()`: url.cc, crypto.c. */
void bb_url_init(JSContext *ctx, JSValueConst target);
void bb_crypto_init(JSContext *ctx, JSValueConst target);

/* bytes.c */
bool bb_utf8_valid(const uint8_t *bytes, size_t length);
size_t bb_base64_length(size_t length);
/* Writes `bb_base64_length(length)` characters. */
void bb_base64(const uint8_t *bytes, size_t length, char *into);

/* random.c: entropy from the kernel. */
void bb_random(void *into, size_t length);
/* New state for Math.random: at start, and in every fork. */
void bb_random_reseed(void);

/* limits.c: what the kernel holds a worker to. */
struct bb_limits {
    int64_t memory_mb, stack_kb, cpu_seconds, max_fds, max_processes;
};
/* What the environment says. */
void bb_limits_from_environment(struct bb_limits *limits);
void bb_limits_apply(const struct bb_limits *limits);

/*
 * zygote.c: the fork server. Listens on `path`, has its control channel on `in` and `out`; returns only when it cannot
 * listen, with minus errno.
 */
int bb_zygote_serve(const char *path, int in, int out);
/* Takes no connection any more; ends when the children have. */
void bb_zygote_stop(void);
/* loop.c: once this turn is over, the worker becomes a fork server. */
void bb_loop_become_zygote(const char *path);

/* Helpers for files of `Native` functions. */
#define BB_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

#ifdef __cplusplus
}
#endif
#endif
