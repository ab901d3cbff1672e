/*
 * Promises that were rejected while nobody had asked for it: in the order in which they were, each found by its address
 * when somebody asks after all. The memory is the engine's, so that it counts.
 */
#include <string.h>
#include "bb.h"

struct rejection {
    JSValue promise, reason, context;
    /* Of those with the same hash, the one before; 0: none. Positions count from 1. */
    uint32_t before;
    bool handled;
};

#define FIRST_ROOM 16u
#define MAX_ROOM (1u << 30)

static struct rejection *kept;
static uint32_t *heads;
/* `kept[first]` … `kept[end - 1]` are to be told of; `room` is a power of two, and there are as many heads. */
static uint32_t first, end, room, open;
/* One could not be kept. */
static bool lost;

static uint32_t hash(const void *promise)
{
    return (uint32_t)(((uintptr_t)promise >> 4) * 0x9E3779B97F4A7C15u >> 32) & (room - 1);
}

static void drop(struct rejection *one)
{
    JS_FreeValue(bb_ctx, one->promise);
    JS_FreeValue(bb_ctx, one->reason);
    JS_FreeValue(bb_ctx, one->context);
}

static void link_in(uint32_t at)
{
    uint32_t *head = &heads[hash(JS_VALUE_GET_PTR(kept[at].promise))];
    kept[at].before = *head;
    *head = at + 1;
}

/* The oldest of those with its hash is at the end of their chain: what is told of in order costs its chain's length. */
static void link_out(uint32_t at)
{
    uint32_t *place = &heads[hash(JS_VALUE_GET_PTR(kept[at].promise))];
    while (*place != at + 1)
        place = &kept[*place - 1].before;
    *place = kept[at].before;
}

/* Where most of those that are kept were handled meanwhile, the others move together. */
static void close_ranks(void)
{
    uint32_t to = 0;
    memset(heads, 0, room * sizeof(*heads));
    for (uint32_t at = first; at < end; at++) {
        if (kept[at].handled)
            continue;
        kept[to] = kept[at];
        link_in(to++);
    }
    first = 0;
    end = to;
}

static bool grow(void)
{
    uint32_t wanted = room == 0 ? FIRST_ROOM : room * 2;
    struct rejection *moved;
    uint32_t *table;
    if (wanted > MAX_ROOM)
        return false;
    moved = bb_memory_functions.js_realloc(NULL, kept, wanted * sizeof(*moved));
    if (moved == NULL)
        return false;
    kept = moved;
    table = bb_memory_functions.js_calloc(NULL, wanted, sizeof(*table));
    if (table == NULL)
        return false;
    bb_memory_functions.js_free(NULL, heads);
    heads = table;
    room = wanted;
    for (uint32_t at = first; at < end; at++)
        if (!kept[at].handled)
            link_in(at);
    return true;
}

void bb_rejections_add(JSValueConst promise, JSValueConst reason)
{
    if (lost)
        return;
    if (end == room && room > 0 && open <= room / 2)
        close_ranks();
    if (end == room && !grow()) {
        lost = true;
        return;
    }
    kept[end] = (struct rejection){ .promise = JS_DupValue(bb_ctx, promise),
                                    .reason = JS_DupValue(bb_ctx, reason),
                                    .context = JS_GetAsyncContext(bb_rt) };
    link_in(end);
    end++;
    open++;
}

void bb_rejections_remove(JSValueConst promise)
{
    struct rejection gone;
    if (open == 0)
        return;
    for (uint32_t at = heads[hash(JS_VALUE_GET_PTR(promise))]; at != 0; at = kept[at - 1].before) {
        struct rejection *one = &kept[at - 1];
        if (JS_VALUE_GET_PTR(one->promise) != JS_VALUE_GET_PTR(promise))
            continue;
        link_out(at - 1);
        gone = *one;
        one->handled = true;
        open--;
        while (end > first && kept[end - 1].handled)
            end--;
        drop(&gone);
        return;
    }
}

static void emptied(void)
{
    bb_memory_functions.js_free(NULL, kept);
    bb_memory_functions.js_free(NULL, heads);
    kept = NULL;
    heads = NULL;
    first = end = room = 0;
}

bool bb_rejections_take(JSValue *promise, JSValue *reason, JSValue *context)
{
    while (first < end && kept[first].handled)
        first++;
    if (first == end) {
        if (room > 0)
            emptied();
        return false;
    }
    link_out(first);
    *promise = kept[first].promise;
    *reason = kept[first].reason;
    *context = kept[first].context;
    first++;
    open--;
    return true;
}

bool bb_rejections_lost(void)
{
    return lost;
}

void bb_rejections_free(void)
{
    for (uint32_t at = first; at < end; at++)
        if (!kept[at].handled)
            drop(&kept[at]);
    emptied();
    open = 0;
}
