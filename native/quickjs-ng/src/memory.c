/* The engine's allocator: the system's, with a count and a limit, so that a refusal is known for what it is. */
#include <malloc.h>
#include <stdlib.h>
#include "bb.h"

/* What the engine may have beyond its limit to say that it has reached it. */
#define RELIEF (2u * 1024 * 1024)

static size_t used;
static size_t limit = SIZE_MAX;
static bool exhausted;
static bool headroom;

size_t bb_memory_room(void)
{
    size_t allowed = headroom && limit <= SIZE_MAX - RELIEF ? limit + RELIEF : limit;
    return allowed == SIZE_MAX ? SIZE_MAX : used < allowed ? allowed - used : 0;
}

static bool fits(size_t more)
{
    if (more <= bb_memory_room())
        return true;
    exhausted = true;
    return false;
}

static void *counted(void *pointer)
{
    if (pointer != NULL)
        used += malloc_usable_size(pointer);
    else
        exhausted = true;
    return pointer;
}

static void *engine_calloc(void *opaque, size_t count, size_t size)
{
    size_t bytes;
    (void)opaque;
    if (__builtin_mul_overflow(count, size, &bytes) || !fits(bytes))
        return NULL;
    return counted(calloc(count, size));
}

static void *engine_malloc(void *opaque, size_t size)
{
    (void)opaque;
    return fits(size) ? counted(malloc(size)) : NULL;
}

static void engine_free(void *opaque, void *pointer)
{
    (void)opaque;
    if (pointer == NULL)
        return;
    used -= malloc_usable_size(pointer);
    free(pointer);
}

static void *engine_realloc(void *opaque, void *pointer, size_t size)
{
    size_t before;
    void *moved;
    if (pointer == NULL)
        return size == 0 ? NULL : engine_malloc(opaque, size);
    if (size == 0) {
        engine_free(opaque, pointer);
        return NULL;
    }
    before = malloc_usable_size(pointer);
    if (size > before && !fits(size - before))
        return NULL;
    moved = realloc(pointer, size);
    if (moved == NULL) {
        exhausted = true;
        return NULL;
    }
    used = used - before + malloc_usable_size(moved);
    return moved;
}

static size_t engine_usable_size(const void *pointer)
{
    return malloc_usable_size((void *)(uintptr_t)pointer);
}

const JSMallocFunctions bb_memory_functions = {
    engine_calloc, engine_malloc, engine_free, engine_realloc, engine_usable_size
};

void *bb_alloc(JSContext *ctx, size_t size)
{
    JS_MakeRoom(bb_rt, size);
    return js_malloc(ctx, size);
}

/* Shared buffers are shared with nobody: they are the engine's memory like all else, and only one object holds each. */
static void *shared_alloc(void *opaque, size_t size)
{
    (void)opaque;
    return js_malloc(bb_ctx, size);
}

static void shared_free(void *opaque, void *pointer)
{
    (void)opaque;
    js_free_rt(bb_rt, pointer);
}

const JSSharedArrayBufferFunctions bb_shared_buffer_functions = { shared_alloc, shared_free, NULL, NULL };

void bb_memory_limit(size_t bytes)
{
    limit = bytes == 0 || bytes > SIZE_MAX - 2 * RELIEF ? SIZE_MAX : bytes;
    if (bb_rt != NULL)
        JS_SetMemoryLimit(bb_rt, limit == SIZE_MAX ? 0 : limit + 2 * RELIEF);
}

bool bb_memory_exhausted(void)
{
    return exhausted;
}

void bb_memory_relieve(void)
{
    if (limit <= SIZE_MAX - RELIEF)
        limit += RELIEF;
}

void bb_memory_headroom(bool more)
{
    headroom = more;
}
