/* Our own modules: `bunbase:NAME`, read from the bytecode that this program has in it when they are first asked for. */
#include <stdlib.h>
#include <string.h>
#include "bb.h"

#define PREFIX "bunbase:"

static JSModuleDef **loaded;

static int find(const char *name)
{
    for (int i = 0; i < bb_segment_count; i++)
        if (strcmp(bb_segments[i].name, name) == 0)
            return i;
    return -1;
}

static JSModuleDef *load(JSContext *ctx, int at)
{
    JSValue module;
    if (loaded == NULL) {
        loaded = calloc((size_t)bb_segment_count, sizeof(JSModuleDef *));
        if (loaded == NULL) {
            JS_ThrowOutOfMemory(ctx);
            return NULL;
        }
    }
    if (loaded[at] != NULL)
        return loaded[at];
    module = JS_ReadObject(ctx, bb_segments[at].code, bb_segments[at].length, JS_READ_OBJ_BYTECODE);
    if (JS_IsException(module))
        return NULL;
    /* the context keeps it */
    loaded[at] = JS_VALUE_GET_PTR(module);
    JS_FreeValue(ctx, module);
    return loaded[at];
}

JSModuleDef *bb_library_module(JSContext *ctx, const char *name)
{
    int at = strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? find(name + strlen(PREFIX)) : -1;
    if (strcmp(name, PREFIX "native") == 0)
        return bb_native_module(ctx);
    if (at < 0) {
        JS_ThrowReferenceError(ctx, "there is no module %s", name);
        return NULL;
    }
    return load(ctx, at);
}

JSValue bb_library_segment(JSContext *ctx, const char *name)
{
    int at = find(name);
    JSModuleDef *module;
    JSValue value, evaluated, failure;
    if (at < 0)
        return JS_ThrowReferenceError(ctx, "there is no segment %s", name);
    module = load(ctx, at);
    if (module == NULL)
        return JS_EXCEPTION;
    value = JS_DupValue(ctx, JS_MKPTR(JS_TAG_MODULE, module));
    if (JS_ResolveModule(ctx, value) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    evaluated = JS_EvalFunction(ctx, value);
    if (JS_IsException(evaluated))
        return JS_EXCEPTION;
    if (JS_PromiseState(ctx, evaluated) == JS_PROMISE_REJECTED) {
        JS_PromiseMarkAsHandled(ctx, evaluated);
        failure = JS_PromiseResult(ctx, evaluated);
        JS_FreeValue(ctx, evaluated);
        return JS_Throw(ctx, failure);
    }
    JS_FreeValue(ctx, evaluated);
    return JS_GetModuleNamespace(ctx, module);
}
