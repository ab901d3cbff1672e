/* The module `bunbase:native`: the object that js/native.ts declares, put together from the files that add to it. */
#include "bb.h"

static int on_init(JSContext *ctx, JSModuleDef *module)
{
    JSValue native = JS_NewObjectProto(ctx, JS_NULL);
    if (JS_IsException(native))
        return -1;
    bb_session_init(ctx, native);
    bb_engine_init(ctx, native);
    bb_bytes_init(ctx, native);
    return JS_SetModuleExport(ctx, module, "default", native);
}

JSModuleDef *bb_native_module(JSContext *ctx)
{
    JSModuleDef *module = JS_NewCModule(ctx, "bunbase:native", on_init);
    if (module == NULL || JS_AddModuleExport(ctx, module, "default") < 0)
        return NULL;
    return module;
}
