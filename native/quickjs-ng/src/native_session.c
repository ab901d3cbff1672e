/* `Native`: the session's half. Output, time, timers, the asynchronous context, and the host's lines. */
#include <string.h>
#include <unistd.h>
#include "bb.h"

/* Notes about lines that are no messages: more are only counted. */
#define MAX_NOTES 100
#define NOTE_BYTES 200
/* Answers leave together at the end of the turn, but for large ones. */
#define FLUSH_BYTES (256u * 1024)

static unsigned notes;

static void stray(const uint8_t *line, size_t length)
{
    if (length == 0)
        return;
    notes++;
    if (notes <= MAX_NOTES)
        bb_note("not a message: %.*s", (int)(length < NOTE_BYTES ? length : NOTE_BYTES), (const char *)line);
    if (notes == MAX_NOTES)
        bb_note("further lines that are no messages are passed over in silence");
}

/* An own one: what a function gives to Object.prototype is none of the host's. */
static bool is_string_property(JSValueConst object, const char *name)
{
    JSAtom atom = JS_NewAtom(bb_ctx, name);
    JSPropertyDescriptor own;
    bool is = false;
    if (atom != JS_ATOM_NULL && JS_GetOwnProperty(bb_ctx, &own, object, atom) > 0) {
        is = JS_IsString(own.value);
        JS_FreeValue(bb_ctx, own.value);
        JS_FreeValue(bb_ctx, own.getter);
        JS_FreeValue(bb_ctx, own.setter);
    }
    JS_FreeAtom(bb_ctx, atom);
    return is;
}

void bb_session_line(uint8_t *line, size_t length)
{
    JSValue message;
    if (!bb_utf8_valid(line, length)) {
        stray(line, length);
        return;
    }
    message = JS_ParseJSON(bb_ctx, (const char *)line, length, "<host>");
    if (JS_IsException(message)) {
        JSValue thrown = JS_GetException(bb_ctx);
        bool is_memory = bb_vm_out_of_memory(thrown);
        JS_FreeValue(bb_ctx, thrown);
        if (!is_memory)
            stray(line, length);
        return;
    }
    if (!JS_IsObject(message) || JS_IsArray(message) || !is_string_property(message, "type")
        || !is_string_property(message, "id"))
        stray(line, length);
    else
        bb_vm_hook(BB_HOOK_MESSAGE, 1, (JSValueConst[]){ message });
    JS_FreeValue(bb_ctx, message);
}

/*
 * UTF-8 of a string into the output. There is no lone surrogate in it, which would be three bytes that are no UTF-8: lines are
 * made of texts of ours and of JSON.stringify's, which escapes them.
 */
static bool send_string(JSContext *ctx, JSValueConst value)
{
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, value);
    if (text == NULL)
        return false;
    bb_wire_send(text, length);
    JS_FreeCString(ctx, text);
    return true;
}

static JSValue send(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    if (!send_string(ctx, argv[0]))
        return JS_EXCEPTION;
    *bb_wire_room(1) = '\n';
    return JS_UNDEFINED;
}

static JSValue flush(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this;
    (void)argc;
    (void)argv;
    bb_loop_flush();
    return JS_UNDEFINED;
}

static JSValue send_response(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length = 0, head_length, tail_length;
    uint8_t *bytes = NULL;
    const char *head, *tail;
    (void)this;
    (void)argc;
    /* what can fail comes first: half a line would spoil the one after it */
    if (!JS_IsNull(argv[1])) {
        bytes = JS_GetUint8Array(ctx, &length, argv[1]);
        if (bytes == NULL)
            return JS_HasException(ctx) ? JS_EXCEPTION : JS_ThrowTypeError(ctx, "the body is no Uint8Array");
    }
    head = JS_ToCStringLen(ctx, &head_length, argv[0]);
    tail = JS_ToCStringLen(ctx, &tail_length, argv[2]);
    if (head == NULL || tail == NULL) {
        JS_FreeCString(ctx, head);
        JS_FreeCString(ctx, tail);
        return JS_EXCEPTION;
    }
    bb_wire_send(head, head_length);
    if (bytes != NULL)
        bb_base64(bytes, length, (char *)bb_wire_room(bb_base64_length(length)));
    bb_wire_send(tail, tail_length);
    JS_FreeCString(ctx, head);
    JS_FreeCString(ctx, tail);
    *bb_wire_room(1) = '\n';
    if (bb_wire_queued() > FLUSH_BYTES)
        bb_loop_flush();
    return JS_UNDEFINED;
}

static JSValue is_clogged(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    (void)argv;
    return JS_NewBool(ctx, bb_wire_is_clogged());
}

static JSValue when_drained(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this;
    (void)argc;
    (void)argv;
    bb_loop_when_drained();
    return JS_UNDEFINED;
}

static JSValue flush_then_exit(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int32_t code;
    (void)this;
    (void)argc;
    if (JS_ToInt32(ctx, &code, argv[0]) < 0)
        return JS_EXCEPTION;
    bb_loop_flush_then_exit(code);
    return JS_UNDEFINED;
}

static JSValue note(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *text = JS_ToCString(ctx, argv[0]);
    (void)this;
    (void)argc;
    if (text == NULL)
        return JS_EXCEPTION;
    bb_note("%s", text);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

static JSValue now(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    (void)argv;
    return JS_NewFloat64(ctx, (double)bb_now_us() / 1000);
}

static JSValue set_timer(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    double delay;
    (void)this;
    (void)argc;
    if (JS_ToFloat64(ctx, &delay, argv[0]) < 0)
        return JS_EXCEPTION;
    if (!JS_IsFunction(ctx, argv[1]))
        return JS_ThrowTypeError(ctx, "a timer needs a function");
    return bb_timers_set(ctx, delay, argv[1]);
}

static JSValue clear_timer(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    double id;
    (void)this;
    (void)argc;
    if (JS_ToFloat64(ctx, &id, argv[0]) < 0)
        return JS_EXCEPTION;
    bb_timers_clear(id);
    return JS_UNDEFINED;
}

static JSValue context(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this;
    (void)argc;
    (void)argv;
    return JS_GetAsyncContext(bb_rt);
}

static JSValue run_with(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    JSValue outer = JS_GetAsyncContext(bb_rt), result;
    (void)this;
    (void)argc;
    JS_SetAsyncContext(bb_rt, JS_DupValue(ctx, argv[0]));
    result = JS_Call(ctx, argv[1], JS_UNDEFINED, 0, NULL);
    JS_SetAsyncContext(bb_rt, outer);
    return result;
}

static JSValue become_zygote(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    (void)this;
    (void)argc;
    if (path == NULL)
        return JS_EXCEPTION;
    bb_loop_become_zygote(path);
    JS_FreeCString(ctx, path);
    return JS_UNDEFINED;
}

static JSValue stop_zygote(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)ctx;
    (void)this;
    (void)argc;
    (void)argv;
    bb_zygote_stop();
    return JS_UNDEFINED;
}

static JSValue pid(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    (void)argv;
    return JS_NewInt32(ctx, getpid());
}

static JSValue environment(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    JSValue result = JS_NewObjectProto(ctx, JS_NULL);
    (void)this;
    (void)argc;
    (void)argv;
    if (JS_IsException(result))
        return result;
    for (char **one = environ; *one != NULL; one++) {
        const char *equals = strchr(*one, '=');
        JSAtom name;
        if (equals == NULL)
            continue;
        name = JS_NewAtomLen(ctx, *one, (size_t)(equals - *one));
        if (name == JS_ATOM_NULL
            || JS_DefinePropertyValue(ctx, result, name, JS_NewString(ctx, equals + 1), JS_PROP_C_W_E) < 0) {
            JS_FreeAtom(ctx, name);
            JS_FreeValue(ctx, result);
            return JS_EXCEPTION;
        }
        JS_FreeAtom(ctx, name);
    }
    return result;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("send", 1, send),
    JS_CFUNC_DEF("flush", 0, flush),
    JS_CFUNC_DEF("sendResponse", 3, send_response),
    JS_CFUNC_DEF("isClogged", 0, is_clogged),
    JS_CFUNC_DEF("whenDrained", 0, when_drained),
    JS_CFUNC_DEF("flushThenExit", 1, flush_then_exit),
    JS_CFUNC_DEF("note", 1, note),
    JS_CFUNC_DEF("now", 0, now),
    JS_CFUNC_DEF("setTimer", 2, set_timer),
    JS_CFUNC_DEF("clearTimer", 1, clear_timer),
    JS_CFUNC_DEF("context", 0, context),
    JS_CFUNC_DEF("runWith", 2, run_with),
    JS_CFUNC_DEF("pid", 0, pid),
    JS_CFUNC_DEF("becomeZygote", 1, become_zygote),
    JS_CFUNC_DEF("stopZygote", 0, stop_zygote),
    JS_CFUNC_DEF("environment", 0, environment),
    JS_PROP_STRING_DEF("protocolVersion", BB_PROTOCOL_VERSION, JS_PROP_ENUMERABLE),
};

void bb_session_init(JSContext *ctx, JSValueConst target)
{
    JS_SetPropertyFunctionList(ctx, target, functions, BB_COUNT(functions));
    JS_DefinePropertyValueStr(ctx, target, "engineVersion", JS_NewString(ctx, JS_GetVersion()), JS_PROP_ENUMERABLE);
}
