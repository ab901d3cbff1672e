/* The engine: its start, the interrupt at an invocation's deadline, the job queue, and what nobody caught. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bb.h"

#define DEFAULT_STACK (1024u * 1024)
/* What the library may use beyond the function's stack while a part of it is evaluated, wherever that is asked for. */
#define HEADROOM (512u * 1024)

JSRuntime *bb_rt;
JSContext *bb_ctx;

static const char *const hook_names[BB_HOOK_COUNT] = {
    "start", "message", "uncaught", "rejection", "interrupted", "exhausted", "forked", "zygote", "refused", "drained"
};
static JSValue hooks[BB_HOOK_COUNT];
static JSAtom deadline_atom;

/* The context whose deadline passed while its code ran. */
static JSValue interrupted_context;
static bool is_interrupted;

static size_t stack_bytes = DEFAULT_STACK;
/* How many parts of the library are being evaluated, one for the other. */
static int headroom;

static void give_up(void);

/* An invocation has its deadline (monotonic ms) in an own property; code of no invocation has none. */
static int on_interrupt(JSRuntime *rt, void *opaque)
{
    JSValue context, deadline;
    double at;
    (void)opaque;
    /* the end waits for nobody's code */
    if (bb_loop_is_over())
        return 1;
    context = JS_GetAsyncContext(rt);
    if (!JS_IsObject(context)) {
        JS_FreeValueRT(rt, context);
        return 0;
    }
    deadline = JS_GetProperty(bb_ctx, context, deadline_atom);
    at = JS_VALUE_GET_TAG(deadline) == JS_TAG_INT ? JS_VALUE_GET_INT(deadline)
         : JS_TAG_IS_FLOAT64(JS_VALUE_GET_TAG(deadline)) ? JS_VALUE_GET_FLOAT64(deadline)
                                                          : 1e300;
    JS_FreeValueRT(rt, deadline);
    if (!((double)bb_now_us() / 1000 > at)) {
        JS_FreeValueRT(rt, context);
        return 0;
    }
    JS_FreeValueRT(rt, interrupted_context);
    interrupted_context = context;
    is_interrupted = true;
    return 1;
}

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque)
{
    (void)ctx;
    (void)opaque;
    if (is_handled)
        bb_rejections_remove(promise);
    else
        bb_rejections_add(promise, reason);
}

bool bb_vm_rejections(uint64_t budget_us)
{
    static bool told;
    uint64_t end = bb_now_us() + budget_us;
    JSValue promise, reason, context;
    if (bb_rejections_lost() && !bb_loop_is_ending())
        give_up();
    for (;;) {
        if (bb_loop_is_ending())
            return true;
        if (bb_now_us() > end)
            return false;
        if (!bb_rejections_take(&promise, &reason, &context)) {
            if (told)
                bb_vm_hook(BB_HOOK_REJECTION, 0, NULL);
            told = false;
            return true;
        }
        told = true;
        JS_SetAsyncContext(bb_rt, context);
        bb_vm_hook(BB_HOOK_REJECTION, 2, (JSValueConst[]){ reason, promise });
        JS_SetAsyncContext(bb_rt, JS_UNDEFINED);
        JS_FreeValue(bb_ctx, promise);
        JS_FreeValue(bb_ctx, reason);
    }
}

void bb_vm_stack(size_t bytes)
{
    stack_bytes = bytes;
    JS_SetMaxStackSize(bb_rt, bytes + (headroom > 0 ? HEADROOM : 0));
}

void bb_vm_headroom(bool more)
{
    headroom += more ? 1 : -1;
    bb_vm_stack(stack_bytes);
    bb_memory_headroom(headroom > 0);
}

void bb_vm_open(void)
{
    bb_rt = JS_NewRuntime2(&bb_memory_functions, NULL);
    bb_ctx = bb_rt == NULL ? NULL : JS_NewContext(bb_rt);
    if (bb_ctx == NULL) {
        bb_note("the engine does not start: out of memory");
        exit(BB_EXIT_MEMORY);
    }
    JS_SetMemoryRoom(bb_rt, bb_memory_room);
    JS_SetSharedArrayBufferFunctions(bb_rt, &bb_shared_buffer_functions);
    JS_SetMaxStackSize(bb_rt, DEFAULT_STACK);
    JS_SetInterruptHandler(bb_rt, on_interrupt, NULL);
    JS_SetHostPromiseRejectionTracker(bb_rt, on_rejection, NULL);
    deadline_atom = JS_NewAtom(bb_ctx, "deadline");
    interrupted_context = JS_UNDEFINED;
    for (int i = 0; i < BB_HOOK_COUNT; i++)
        hooks[i] = JS_UNDEFINED;
    bb_random_reseed();
    bb_module_init();
}

void bb_vm_close(void)
{
    bb_timers_free();
    bb_rejections_free();
    for (int i = 0; i < BB_HOOK_COUNT; i++)
        JS_FreeValue(bb_ctx, hooks[i]);
    JS_FreeValue(bb_ctx, interrupted_context);
    JS_FreeAtom(bb_ctx, deadline_atom);
    JS_FreeContext(bb_ctx);
    JS_FreeRuntime(bb_rt);
    bb_ctx = NULL;
    bb_rt = NULL;
}

bool bb_vm_take_hooks(JSValueConst core)
{
    for (int i = 0; i < BB_HOOK_COUNT; i++) {
        hooks[i] = JS_GetPropertyStr(bb_ctx, core, hook_names[i]);
        if (!JS_IsFunction(bb_ctx, hooks[i]))
            return false;
    }
    return true;
}

/* For failures of the library itself: they have no speaker. */
static void note_exception(JSValueConst thrown)
{
    const char *text = JS_ToCString(bb_ctx, thrown);
    JSValue stack = JS_IsObject(thrown) ? JS_GetPropertyStr(bb_ctx, thrown, "stack") : JS_UNDEFINED;
    const char *frames = JS_IsString(stack) ? JS_ToCString(bb_ctx, stack) : NULL;
    bb_note("%s\n%s", text == NULL ? "something was thrown" : text, frames == NULL ? "" : frames);
    JS_FreeCString(bb_ctx, frames);
    JS_FreeCString(bb_ctx, text);
    JS_FreeValue(bb_ctx, stack);
    JS_FreeValue(bb_ctx, JS_GetException(bb_ctx));
}

/* Whether a property is a text that begins so. */
static bool says(JSValueConst error, const char *property, const char *wanted)
{
    JSValue value = JS_GetPropertyStr(bb_ctx, error, property);
    const char *text = JS_IsString(value) ? JS_ToCString(bb_ctx, value) : NULL;
    bool is = text != NULL && strncmp(text, wanted, strlen(wanted)) == 0;
    if (JS_IsException(value))
        JS_FreeValue(bb_ctx, JS_GetException(bb_ctx));
    JS_FreeCString(bb_ctx, text);
    JS_FreeValue(bb_ctx, value);
    return is;
}

/*
 * Whether it is what the engine throws when it has no memory: an InternalError ("out of memory", "out of memory in regexp
 * execution", another text without room for that one), or null without room for one.
 */
static bool is_out_of_memory(JSValueConst thrown)
{
    return JS_IsError(thrown) ? says(thrown, "name", "InternalError")
                                    && (says(thrown, "message", "out of memory")
                                        || (bb_memory_exhausted() && says(thrown, "message", "Invalid error message")))
                              : bb_memory_exhausted() && (JS_IsNull(thrown) || JS_IsUninitialized(thrown));
}

/* Everybody in flight hears that there is no memory left; where not even that can be said, the exit code says it. */
static void give_up(void)
{
    static bool tried;
    JSValue result;
    if (tried)
        bb_exit_now(BB_EXIT_MEMORY);
    tried = true;
    bb_memory_relieve();
    result = JS_Call(bb_ctx, hooks[BB_HOOK_EXHAUSTED], JS_UNDEFINED, 0, NULL);
    if (JS_IsException(result)) {
        bb_note("out of memory");
        bb_exit_now(BB_EXIT_MEMORY);
    }
    JS_FreeValue(bb_ctx, result);
    bb_loop_flush_then_exit(BB_EXIT_MEMORY);
}

bool bb_vm_out_of_memory(JSValueConst thrown)
{
    if (!is_out_of_memory(thrown))
        return false;
    give_up();
    return true;
}

static bool take_interruption(JSValueConst thrown)
{
    JSValue context, outer, result;
    if (!JS_IsUncatchableError(thrown))
        return false;
    context = is_interrupted ? interrupted_context : JS_UNDEFINED;
    interrupted_context = JS_UNDEFINED;
    is_interrupted = false;
    /* not in the context whose time is over: the hook would be interrupted, too */
    outer = JS_GetAsyncContext(bb_rt);
    JS_SetAsyncContext(bb_rt, JS_UNDEFINED);
    result = JS_Call(bb_ctx, hooks[BB_HOOK_INTERRUPTED], JS_UNDEFINED, 1, (JSValueConst[]){ context });
    JS_SetAsyncContext(bb_rt, outer);
    if (JS_IsException(result)) {
        JSValue second = JS_GetException(bb_ctx);
        note_exception(second);
        JS_FreeValue(bb_ctx, second);
    }
    JS_FreeValue(bb_ctx, result);
    JS_FreeValue(bb_ctx, context);
    return true;
}

void bb_vm_report(void)
{
    JSValue thrown = JS_GetException(bb_ctx);
    if (is_out_of_memory(thrown))
        give_up();
    else if (!take_interruption(thrown))
        bb_vm_hook(BB_HOOK_UNCAUGHT, 1, (JSValueConst[]){ thrown });
    JS_FreeValue(bb_ctx, thrown);
}

void bb_vm_hook(enum bb_hook hook, int argc, JSValueConst *argv)
{
    JSValue result = JS_Call(bb_ctx, hooks[hook], JS_UNDEFINED, argc, argv);
    if (JS_IsException(result)) {
        JSValue thrown = JS_GetException(bb_ctx);
        if (is_out_of_memory(thrown))
            give_up();
        else if (!take_interruption(thrown))
            note_exception(thrown);
        JS_FreeValue(bb_ctx, thrown);
    }
    JS_FreeValue(bb_ctx, result);
}

void bb_vm_task(JSValueConst function, JSValueConst context)
{
    JSValue result;
    JS_SetAsyncContext(bb_rt, JS_DupValue(bb_ctx, context));
    result = JS_Call(bb_ctx, function, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(result))
        bb_vm_report();
    JS_SetAsyncContext(bb_rt, JS_UNDEFINED);
    JS_FreeValue(bb_ctx, result);
}

bool bb_vm_jobs(uint64_t budget_us)
{
    uint64_t end = 0;
    JSContext *ctx;
    for (unsigned done = 1; JS_IsJobPending(bb_rt) && !bb_loop_is_ending(); done++) {
        if (JS_ExecutePendingJob(bb_rt, &ctx) < 0)
            bb_vm_report();
        if ((done & 127) == 0) {
            uint64_t now = bb_now_us();
            if (end == 0)
                end = now + budget_us;
            else if (now > end)
                return !JS_IsJobPending(bb_rt);
        }
    }
    return true;
}
