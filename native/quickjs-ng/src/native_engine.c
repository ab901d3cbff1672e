/* `Native`: the engine's half. Promises, proxies, classes, segments, the bundle, entropy, memory. */
#include <string.h>
#include "bb.h"

static JSValue promise_state(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    static const char *const names[] = { "pending", "fulfilled", "rejected" };
    JSPromiseStateEnum state;
    JSValue result;
    (void)this;
    (void)argc;
    if (!JS_IsPromise(argv[0]))
        return JS_NULL;
    state = JS_PromiseState(ctx, argv[0]);
    result = JS_NewObject(ctx);
    if (JS_IsException(result))
        return result;
    JS_DefinePropertyValueStr(ctx, result, "state", JS_NewString(ctx, names[state]), JS_PROP_C_W_E);
    JS_DefinePropertyValueStr(ctx, result, "value",
                              state == JS_PROMISE_PENDING ? JS_UNDEFINED : JS_PromiseResult(ctx, argv[0]),
                              JS_PROP_C_W_E);
    return result;
}

static JSValue mark_handled(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    if (JS_IsPromise(argv[0]))
        JS_PromiseMarkAsHandled(ctx, argv[0]);
    return JS_UNDEFINED;
}

static JSValue proxy_target(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    JSValue result;
    (void)this;
    (void)argc;
    if (!JS_IsProxy(argv[0]))
        return JS_NULL;
    result = JS_NewObject(ctx);
    if (JS_IsException(result))
        return result;
    JS_DefinePropertyValueStr(ctx, result, "target", JS_GetProxyTarget(ctx, argv[0]), JS_PROP_C_W_E);
    JS_DefinePropertyValueStr(ctx, result, "handler", JS_GetProxyHandler(ctx, argv[0]), JS_PROP_C_W_E);
    return result;
}

static JSValue class_name(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    JSClassID id = JS_GetClassID(argv[0]);
    JSAtom atom = id == JS_INVALID_CLASS_ID ? JS_ATOM_NULL : JS_GetClassName(bb_rt, id);
    JSValue name;
    (void)this;
    (void)argc;
    if (atom == JS_ATOM_NULL)
        return JS_NewString(ctx, "");
    name = JS_AtomToString(ctx, atom);
    JS_FreeAtom(ctx, atom);
    return name;
}

static JSValue segment(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(ctx, argv[0]);
    JSValue outer, result;
    (void)this;
    (void)argc;
    if (name == NULL)
        return JS_EXCEPTION;
    /* what the library sets up for itself belongs to no invocation */
    outer = JS_GetAsyncContext(bb_rt);
    JS_SetAsyncContext(bb_rt, JS_UNDEFINED);
    /* what is cut short in its evaluation would be broken for good */
    bb_vm_headroom(true);
    result = bb_library_segment(ctx, name);
    bb_vm_headroom(false);
    JS_SetAsyncContext(bb_rt, outer);
    JS_FreeCString(ctx, name);
    return result;
}

static JSValue load_bundle(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    JSValue result;
    (void)this;
    (void)argc;
    if (path == NULL)
        return JS_EXCEPTION;
    result = bb_module_load(ctx, path);
    JS_FreeCString(ctx, path);
    return result;
}

static JSValue collect(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this;
    (void)argc;
    (void)argv;
    JS_RunGC(bb_rt);
    return JS_UNDEFINED;
}

static JSValue memory_exhausted(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    (void)argv;
    return JS_NewBool(ctx, bb_memory_exhausted());
}

static JSValue relieve_memory(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this;
    (void)argc;
    (void)argv;
    bb_memory_relieve();
    return JS_UNDEFINED;
}

static int64_t limit_of(JSContext *ctx, JSValueConst limits, const char *name)
{
    JSValue value = JS_GetPropertyStr(ctx, limits, name);
    int64_t number = -1;
    if (JS_IsNumber(value) && JS_ToInt64(ctx, &number, value) < 0)
        number = -1;
    JS_FreeValue(ctx, value);
    return number;
}

static JSValue apply_limits(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    struct bb_limits limits;
    (void)this;
    (void)argc;
    if (!JS_IsObject(argv[0]))
        return JS_UNDEFINED;
    limits.memory_mb = limit_of(ctx, argv[0], "memory_mb");
    limits.stack_kb = limit_of(ctx, argv[0], "stack_kb");
    limits.cpu_seconds = limit_of(ctx, argv[0], "cpu_seconds");
    limits.max_fds = limit_of(ctx, argv[0], "max_fds");
    limits.max_processes = limit_of(ctx, argv[0], "max_processes");
    bb_limits_apply(&limits);
    return JS_UNDEFINED;
}

static JSValue random_fill(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[0]);
    (void)this;
    (void)argc;
    if (bytes == NULL)
        return JS_HasException(ctx) ? JS_EXCEPTION : JS_UNDEFINED;
    bb_random(bytes, length);
    return JS_UNDEFINED;
}

/* The functions of a part of the library that has C files of its own; asked for once, by its segment. */
static JSValue part(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv, int magic)
{
    static void (*const init[])(JSContext *, JSValueConst) = { bb_url_init, bb_crypto_init };
    JSValue target = JS_NewObjectProto(ctx, JS_NULL);
    (void)this;
    (void)argc;
    (void)argv;
    if (!JS_IsException(target))
        init[magic](ctx, target);
    if (!JS_HasException(ctx))
        return target;
    JS_FreeValue(ctx, target);
    return JS_EXCEPTION;
}

/* privateSymbol(description): a property key that no reflection shows */
static JSValue private_symbol(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value, (void)argc;
    const char *description = JS_ToCString(ctx, argv[0]);
    if (description == NULL)
        return JS_EXCEPTION;
    JSValue symbol = JS_NewPrivateSymbol(ctx, description);
    JS_FreeCString(ctx, description);
    return symbol;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("url", 0, part, 0),
    JS_CFUNC_MAGIC_DEF("crypto", 0, part, 1),
    JS_CFUNC_DEF("promiseState", 1, promise_state),
    JS_CFUNC_DEF("markHandled", 1, mark_handled),
    JS_CFUNC_DEF("proxyTarget", 1, proxy_target),
    JS_CFUNC_DEF("className", 1, class_name),
    JS_CFUNC_DEF("privateSymbol", 1, private_symbol),
    JS_CFUNC_DEF("segment", 1, segment),
    JS_CFUNC_DEF("loadBundle", 1, load_bundle),
    JS_CFUNC_DEF("gc", 0, collect),
    JS_CFUNC_DEF("memoryExhausted", 0, memory_exhausted),
    JS_CFUNC_DEF("relieveMemory", 0, relieve_memory),
    JS_CFUNC_DEF("applyLimits", 1, apply_limits),
    JS_CFUNC_DEF("randomFill", 1, random_fill),
};

void bb_engine_init(JSContext *ctx, JSValueConst target)
{
    JS_SetPropertyFunctionList(ctx, target, functions, BB_COUNT(functions));
}
