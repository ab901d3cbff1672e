/* The engine: its start, the interrupt at an invocation's deadline, the job queue, and what nobody caught. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bb.h"

#define DEFAULT_STACK (1024u * 1024)
/* What the library may use beyond the function's stack while a part of it is evaluated, wherever that is asked for. */
#define HEADROOM (512u * 1024)
/* Of the process's own stack, for C functions that do not look. */
#define STACK_RESERVE (128u * 1024)

JSRuntime *bb_rt;
JSContext *bb_ctx;

static const char *const hook_names[BB_HOOK_COUNT] = {
    "start", "message", "uncaught", "rejection", "interrupted", "exhausted", "forked", "zygote", "refused", "drained"
};
static JSValue hooks[BB_HOOK_COUNT];
static JSAtom deadline_atom, message_atom;
/* InternalError.prototype */
static JSValue internal_error;

/* The context whose deadline passed while its code ran. */
static JSValue interrupted_context;
static bool is_interrupted;

static size_t stack_bytes = DEFAULT_STACK;
/* What the engine may have of the process's own stack at most. */
static size_t stack_room;
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

/* What is left of the process's own stack below this frame, but for what a C function may need. */
static size_t stack_left(void)
{
    pthread_attr_t attributes;
    void *lowest;
    size_t size, left = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return DEFAULT_STACK + HEADROOM;
    if (pthread_attr_getstack(&attributes, &lowest, &size) == 0)
        left = (size_t)((uintptr_t)__builtin_frame_address(0) - (uintptr_t)lowest);
    pthread_attr_destroy(&attributes);
    return left > 2 * STACK_RESERVE ? left - STACK_RESERVE : STACK_RESERVE;
}

/* The process's own stack may be smaller than what is asked for: then a third of it is the library's headroom. */
void bb_vm_stack(size_t bytes)
{
    size_t spare = stack_room / 3 < HEADROOM ? stack_room / 3 : HEADROOM;
    size_t own = bytes < stack_room - spare ? bytes : stack_room - spare;
    stack_bytes = bytes;
    JS_SetMaxStackSize(bb_rt, own + (headroom > 0 ? spare : 0));
}

void bb_vm_headroom(bool more)
{
    headroom += more ? 1 : -1;
    bb_vm_stack(stack_bytes);
    bb_memory_headroom(headroom > 0);
}

static JSValue internal_error_prototype(void)
{
    JSValue global = JS_GetGlobalObject(bb_ctx);
    JSValue constructor = JS_GetPropertyStr(bb_ctx, global, "InternalError");
    JSValue prototype = JS_GetPropertyStr(bb_ctx, constructor, "prototype");
    JS_FreeValue(bb_ctx, constructor);
    JS_FreeValue(bb_ctx, global);
    return prototype;
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
    stack_room = stack_left();
    bb_vm_stack(DEFAULT_STACK);
    JS_SetInterruptHandler(bb_rt, on_interrupt, NULL);
    JS_SetHostPromiseRejectionTracker(bb_rt, on_rejection, NULL);
    deadline_atom = JS_NewAtom(bb_ctx, "deadline");
    message_atom = JS_NewAtom(bb_ctx, "message");
    internal_error = internal_error_prototype();
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
    JS_FreeAtom(bb_ctx, message_atom);
    JS_FreeValue(bb_ctx, internal_error);
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

static bool begins_with(JSValueConst value, const char *wanted)
{
    const char *text = JS_IsString(value) ? JS_ToCString(bb_ctx, value) : NULL;
    bool is = text != NULL && strncmp(text, wanted, strlen(wanted)) == 0;
    if (JS_IsString(value) && text == NULL)
        JS_FreeValue(bb_ctx, JS_GetException(bb_ctx));
    JS_FreeCString(bb_ctx, text);
    return is;
}

/* Of the engine's own class InternalError, by its prototype and its own message: no code of a function's is asked. */
static bool is_exhaustion(JSValueConst error)
{
    JSValue prototype = JS_GetPrototype(bb_ctx, error);
    bool is = JS_VALUE_GET_TAG(prototype) == JS_TAG_OBJECT
        && JS_VALUE_GET_PTR(prototype) == JS_VALUE_GET_PTR(internal_error);
    JSPropertyDescriptor own;
    JS_FreeValue(bb_ctx, prototype);
    if (!is || JS_GetOwnProperty(bb_ctx, &own, error, message_atom) <= 0)
        return false;
    is = begins_with(own.value, "out of memory") || (bb_memory_exhausted() && begins_with(own.value, "Invalid error message"));
    JS_FreeValue(bb_ctx, own.value);
    JS_FreeValue(bb_ctx, own.getter);
    JS_FreeValue(bb_ctx, own.setter);
    return is;
}

/*
 * Whether it is what the engine throws when it has no memory: an InternalError ("out of memory", "out of memory in regexp
 * execution", another text without room for that one), or null without room for one.
 */
static bool is_out_of_memory(JSValueConst thrown)
{
    return JS_IsError(thrown) ? is_exhaustion(thrown)
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
        if (JS_ExecutePendingJob(bb_rt, &ctx) < 0) {
            /* in the job's own context: what was thrown may have getters, which end at the invocation's deadline */
            bb_vm_report();
            JS_SetAsyncContext(bb_rt, JS_UNDEFINED);
        }
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
