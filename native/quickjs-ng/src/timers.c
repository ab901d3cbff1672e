/* Open timers: a binary heap over (due, order of setting). An id names a slot and how often it was used. */
#include <math.h>
#include "bb.h"

#define MAX_TIMERS (1u << 20)
/* Timers run this long before the host's input is looked at. */
#define RUN_US 10000

struct timer {
    uint64_t due_us, serial;
    JSValue callback, context;
    uint32_t uses;
    /* Where in the heap; the next free slot where it is unused. */
    uint32_t at;
    bool used;
};

#define NONE UINT32_MAX

static struct timer *timers;
static uint32_t *heap;
static uint32_t count, made, room, free_slot = NONE;
static uint64_t serial;

static bool before(uint32_t a, uint32_t b)
{
    const struct timer *x = &timers[a], *y = &timers[b];
    return x->due_us != y->due_us ? x->due_us < y->due_us : x->serial < y->serial;
}

static void place(uint32_t at, uint32_t slot)
{
    heap[at] = slot;
    timers[slot].at = at;
}

static void sift_up(uint32_t at)
{
    uint32_t slot = heap[at];
    while (at > 0 && before(slot, heap[(at - 1) / 2])) {
        place(at, heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(at, slot);
}

static void sift_down(uint32_t at)
{
    uint32_t slot = heap[at];
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= count)
            break;
        if (child + 1 < count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], slot))
            break;
        place(at, heap[child]);
        at = child;
    }
    place(at, slot);
}

/* In the engine's memory, so that it counts. False with an exception pending. */
static bool grow(JSContext *ctx)
{
    uint32_t wanted = room == 0 ? 16 : room * 2;
    struct timer *slots;
    uint32_t *order;
    if (wanted > MAX_TIMERS) {
        JS_ThrowRangeError(ctx, "too many open timers");
        return false;
    }
    slots = bb_memory_functions.js_realloc(NULL, timers, wanted * sizeof(*slots));
    if (slots == NULL) {
        JS_ThrowOutOfMemory(ctx);
        return false;
    }
    timers = slots;
    order = bb_memory_functions.js_realloc(NULL, heap, wanted * sizeof(*order));
    if (order == NULL) {
        JS_ThrowOutOfMemory(ctx);
        return false;
    }
    heap = order;
    room = wanted;
    return true;
}

JSValue bb_timers_set(JSContext *ctx, double delay_ms, JSValueConst callback)
{
    struct timer *timer;
    uint32_t slot;
    if (free_slot != NONE) {
        slot = free_slot;
        free_slot = timers[slot].at;
    } else {
        if (made == room && !grow(ctx))
            return JS_EXCEPTION;
        slot = made++;
        timers[slot].uses = 0;
    }
    timer = &timers[slot];
    timer->due_us = bb_now_us() + (delay_ms > 0 ? (uint64_t)fmin(delay_ms * 1000, 9e15) : 0);
    timer->serial = serial++;
    timer->callback = JS_DupValue(ctx, callback);
    timer->context = JS_GetAsyncContext(bb_rt);
    timer->used = true;
    heap[count] = slot;
    sift_up(count++);
    return JS_NewFloat64(ctx, (double)timer->uses * MAX_TIMERS + slot + 1);
}

/* Takes a timer out; its callback and context are the caller's now. */
static void take(uint32_t slot)
{
    uint32_t at = timers[slot].at;
    count--;
    if (at != count) {
        heap[at] = heap[count];
        timers[heap[at]].at = at;
        sift_up(at);
        sift_down(timers[heap[at]].at);
    }
    timers[slot].used = false;
    timers[slot].uses++;
    timers[slot].at = free_slot;
    free_slot = slot;
}

void bb_timers_clear(double id)
{
    uint64_t number;
    uint32_t slot;
    if (!(id >= 1 && id <= 9007199254740991.0) || floor(id) != id)
        return;
    number = (uint64_t)id - 1;
    slot = (uint32_t)(number % MAX_TIMERS);
    if (slot >= made || !timers[slot].used || timers[slot].uses != number / MAX_TIMERS)
        return;
    take(slot);
    JS_FreeValue(bb_ctx, timers[slot].callback);
    JS_FreeValue(bb_ctx, timers[slot].context);
}

int64_t bb_timers_next(void)
{
    uint64_t now;
    if (count == 0)
        return -1;
    now = bb_now_us();
    return timers[heap[0]].due_us > now ? (int64_t)(timers[heap[0]].due_us - now) : 0;
}

void bb_timers_run(void)
{
    /* what is set meanwhile has its turn in the next round */
    uint64_t now = bb_now_us(), last = serial;
    while (count > 0 && !bb_loop_is_ending() && timers[heap[0]].due_us <= now && timers[heap[0]].serial < last) {
        uint32_t slot = heap[0];
        JSValue callback = timers[slot].callback, context = timers[slot].context;
        take(slot);
        bb_vm_task(callback, context);
        JS_FreeValue(bb_ctx, callback);
        JS_FreeValue(bb_ctx, context);
        if (!bb_vm_jobs(RUN_US) || bb_now_us() - now > RUN_US)
            return;
    }
}

void bb_timers_free(void)
{
    for (uint32_t i = 0; i < count; i++) {
        JS_FreeValue(bb_ctx, timers[heap[i]].callback);
        JS_FreeValue(bb_ctx, timers[heap[i]].context);
    }
    bb_memory_functions.js_free(NULL, timers);
    bb_memory_functions.js_free(NULL, heap);
    timers = NULL;
    heap = NULL;
    count = made = room = 0;
    free_slot = NONE;
}
