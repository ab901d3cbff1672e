/* `Native`: text and bytes. UTF-8, UTF-16, Latin-1, base64. */
#include <stdlib.h>
#include <string.h>
#include "bb.h"

/* The length of the longest prefix of ASCII only. */
static size_t ascii_prefix(const uint8_t *bytes, size_t length)
{
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, bytes + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < length && bytes[i] < 0x80)
        i++;
    return i;
}

/*
 * One sequence that does not begin with ASCII. Its length, when it is well-formed; else minus the length of its maximal
 * subpart: what one U+FFFD stands for.
 */
static int sequence(const uint8_t *bytes, size_t length, uint32_t *point)
{
    uint8_t first = bytes[0], low = 0x80, high = 0xbf;
    int more;
    uint32_t value;
    if (first >= 0xc2 && first <= 0xdf) {
        more = 1;
        value = first & 0x1f;
    } else if (first >= 0xe0 && first <= 0xef) {
        more = 2;
        value = first & 0x0f;
        if (first == 0xe0)
            low = 0xa0;
        if (first == 0xed)
            high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        more = 3;
        value = first & 0x07;
        if (first == 0xf0)
            low = 0x90;
        if (first == 0xf4)
            high = 0x8f;
    } else {
        return -1;
    }
    for (int i = 1; i <= more; i++) {
        if ((size_t)i >= length || bytes[i] < low || bytes[i] > high)
            return -i;
        value = value << 6 | (bytes[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *point = value;
    return more + 1;
}

bool bb_utf8_valid(const uint8_t *bytes, size_t length)
{
    size_t at = 0;
    uint32_t point;
    for (;;) {
        int taken;
        at += ascii_prefix(bytes + at, length - at);
        if (at == length)
            return true;
        taken = sequence(bytes + at, length - at, &point);
        if (taken < 0)
            return false;
        at += (size_t)taken;
    }
}

/* The bytes of a Uint8Array; false with an exception pending. An empty one has no bytes to point at. */
static bool bytes_of(JSContext *ctx, JSValueConst value, const uint8_t **bytes, size_t *length)
{
    static const uint8_t none[1];
    *bytes = JS_GetUint8Array(ctx, length, value);
    if (*bytes != NULL)
        return true;
    if (!JS_HasException(ctx)) {
        *bytes = none;
        *length = 0;
        return true;
    }
    return false;
}

static void release(JSRuntime *rt, void *pointer)
{
    js_free_rt(rt, pointer);
}

static void *give_back(JSRuntime *rt, void *opaque, void *pointer, size_t size)
{
    (void)opaque;
    if (size == 0) {
        release(rt, pointer);
        return NULL;
    }
    return js_realloc_rt(rt, pointer, size);
}

/* Bytes that js_malloc gave become the array's own. */
static JSValue own_bytes(JSContext *ctx, uint8_t *bytes, size_t length)
{
    return JS_NewUint8Array(ctx, bytes, length, give_back, NULL, false);
}

static JSValue utf8_encode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
    JSValue result;
    (void)this;
    (void)argc;
    if (text == NULL)
        return JS_EXCEPTION;
    result = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, length);
    JS_FreeCString(ctx, text);
    return result;
}

static JSValue utf8_length(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
    (void)this;
    (void)argc;
    if (text == NULL)
        return JS_EXCEPTION;
    JS_FreeCString(ctx, text);
    return JS_NewInt64(ctx, (int64_t)length);
}

static JSValue utf8_encode_into(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t room, length, read = 0, written = 0;
    uint8_t *into;
    const uint16_t *units;
    JSValue result;
    (void)this;
    (void)argc;
    if (!bytes_of(ctx, argv[1], (const uint8_t **)&into, &room))
        return JS_EXCEPTION;
    units = JS_ToCStringLenUTF16(ctx, &length, argv[0]);
    if (units == NULL)
        return JS_EXCEPTION;
    while (read < length) {
        uint32_t point = units[read];
        size_t used = 1, size;
        if (point >= 0xd800 && point <= 0xdfff) {
            if (point <= 0xdbff && read + 1 < length && units[read + 1] >= 0xdc00 && units[read + 1] <= 0xdfff) {
                point = 0x10000 + ((point - 0xd800) << 10) + (units[read + 1] - 0xdc00u);
                used = 2;
            } else {
                point = 0xfffd;
            }
        }
        size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        if (written + size > room)
            break;
        switch (size) {
        case 1:
            into[written] = (uint8_t)point;
            break;
        case 2:
            into[written] = (uint8_t)(0xc0 | point >> 6);
            into[written + 1] = (uint8_t)(0x80 | (point & 0x3f));
            break;
        case 3:
            into[written] = (uint8_t)(0xe0 | point >> 12);
            into[written + 1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
            into[written + 2] = (uint8_t)(0x80 | (point & 0x3f));
            break;
        default:
            into[written] = (uint8_t)(0xf0 | point >> 18);
            into[written + 1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
            into[written + 2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
            into[written + 3] = (uint8_t)(0x80 | (point & 0x3f));
        }
        written += size;
        read += used;
    }
    JS_FreeCStringUTF16(ctx, units);
    result = JS_NewObject(ctx);
    if (JS_IsException(result))
        return result;
    JS_DefinePropertyValueStr(ctx, result, "read", JS_NewInt64(ctx, (int64_t)read), JS_PROP_C_W_E);
    JS_DefinePropertyValueStr(ctx, result, "written", JS_NewInt64(ctx, (int64_t)written), JS_PROP_C_W_E);
    return result;
}

static JSValue utf8_decode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const uint8_t *bytes;
    size_t length, at, count = 0;
    int fatal = JS_ToBool(ctx, argv[1]);
    uint16_t *units;
    JSValue result;
    (void)this;
    (void)argc;
    if (fatal < 0 || !bytes_of(ctx, argv[0], &bytes, &length))
        return JS_EXCEPTION;
    at = ascii_prefix(bytes, length);
    if (at == length || bb_utf8_valid(bytes + at, length - at))
        return JS_NewStringLen(ctx, (const char *)bytes, length);
    if (fatal)
        return JS_ThrowTypeError(ctx, "The encoded data was not valid for encoding utf-8");
    /* no sequence is shorter than the units that it makes */
    units = bb_alloc(ctx, length * sizeof(uint16_t));
    if (units == NULL)
        return JS_EXCEPTION;
    for (at = 0; at < length;) {
        uint32_t point;
        int taken;
        if (bytes[at] < 0x80) {
            units[count++] = bytes[at++];
            continue;
        }
        taken = sequence(bytes + at, length - at, &point);
        if (taken < 0) {
            units[count++] = 0xfffd;
            at += (size_t)-taken;
        } else {
            at += (size_t)taken;
            if (point >= 0x10000) {
                units[count++] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
                units[count++] = (uint16_t)(0xdc00 + (point & 0x3ff));
            } else {
                units[count++] = (uint16_t)point;
            }
        }
    }
    result = JS_NewStringUTF16(ctx, units, count);
    js_free(ctx, units);
    return result;
}

static JSValue latin1_encode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const uint16_t *units = JS_ToCStringLenUTF16(ctx, &length, argv[0]);
    uint8_t *bytes;
    uint16_t all = 0;
    (void)this;
    (void)argc;
    if (units == NULL)
        return JS_EXCEPTION;
    for (size_t i = 0; i < length; i++)
        all |= units[i];
    if (all > 0xff) {
        JS_FreeCStringUTF16(ctx, units);
        return JS_NULL;
    }
    bytes = bb_alloc(ctx, length == 0 ? 1 : length);
    if (bytes == NULL) {
        JS_FreeCStringUTF16(ctx, units);
        return JS_EXCEPTION;
    }
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)units[i];
    JS_FreeCStringUTF16(ctx, units);
    return own_bytes(ctx, bytes, length);
}

static JSValue latin1_decode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const uint8_t *bytes;
    size_t length;
    uint16_t *units;
    JSValue result;
    (void)this;
    (void)argc;
    if (!bytes_of(ctx, argv[0], &bytes, &length))
        return JS_EXCEPTION;
    if (ascii_prefix(bytes, length) == length)
        return JS_NewStringLen(ctx, (const char *)bytes, length);
    units = bb_alloc(ctx, length * sizeof(uint16_t));
    if (units == NULL)
        return JS_EXCEPTION;
    for (size_t i = 0; i < length; i++)
        units[i] = bytes[i];
    result = JS_NewStringUTF16(ctx, units, length);
    js_free(ctx, units);
    return result;
}

/* Whole code units only; an odd last byte is the caller's affair. Lone surrogates become U+FFFD, or throw. */
static JSValue utf16_decode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const uint8_t *bytes;
    size_t length, count;
    int big = JS_ToBool(ctx, argv[1]), fatal = JS_ToBool(ctx, argv[2]);
    uint16_t *units;
    JSValue result;
    (void)this;
    (void)argc;
    if (big < 0 || fatal < 0 || !bytes_of(ctx, argv[0], &bytes, &length))
        return JS_EXCEPTION;
    count = length / 2;
    units = bb_alloc(ctx, count == 0 ? 2 : count * 2);
    if (units == NULL)
        return JS_EXCEPTION;
    for (size_t i = 0; i < count; i++)
        units[i] = (uint16_t)(big ? bytes[2 * i] << 8 | bytes[2 * i + 1] : bytes[2 * i + 1] << 8 | bytes[2 * i]);
    for (size_t i = 0; i < count; i++) {
        if (units[i] < 0xd800 || units[i] > 0xdfff)
            continue;
        if (units[i] <= 0xdbff && i + 1 < count && units[i + 1] >= 0xdc00 && units[i + 1] <= 0xdfff) {
            i++;
            continue;
        }
        if (fatal) {
            js_free(ctx, units);
            return JS_ThrowTypeError(ctx, "The encoded data was not valid for encoding utf-16");
        }
        units[i] = 0xfffd;
    }
    result = JS_NewStringUTF16(ctx, units, count);
    js_free(ctx, units);
    return result;
}

size_t bb_base64_length(size_t length)
{
    return (length + 2) / 3 * 4;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bb_base64(const uint8_t *bytes, size_t length, char *into)
{
    size_t i = 0;
    for (; i + 3 <= length; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        *into++ = alphabet[three >> 18];
        *into++ = alphabet[three >> 12 & 63];
        *into++ = alphabet[three >> 6 & 63];
        *into++ = alphabet[three & 63];
    }
    if (i < length) {
        uint32_t rest = (uint32_t)bytes[i] << 16 | (i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0);
        *into++ = alphabet[rest >> 18];
        *into++ = alphabet[rest >> 12 & 63];
        *into++ = i + 1 < length ? alphabet[rest >> 6 & 63] : '=';
        *into++ = '=';
    }
}

static JSValue base64_encode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    const uint8_t *bytes;
    size_t length, size;
    char *text;
    JSValue result;
    (void)this;
    (void)argc;
    if (!bytes_of(ctx, argv[0], &bytes, &length))
        return JS_EXCEPTION;
    size = bb_base64_length(length);
    text = bb_alloc(ctx, size == 0 ? 1 : size);
    if (text == NULL)
        return JS_EXCEPTION;
    bb_base64(bytes, length, text);
    result = JS_NewStringLen(ctx, text, size);
    js_free(ctx, text);
    return result;
}

static int digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: the alphabet, whole groups, padding where it belongs; null for anything else. */
static JSValue base64_decode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length, size = 0, padding = 0;
    const uint8_t *text = (const uint8_t *)JS_ToCStringLen(ctx, &length, argv[0]);
    uint8_t *bytes = NULL;
    uint32_t bits = 0;
    (void)this;
    (void)argc;
    if (text == NULL)
        return JS_EXCEPTION;
    if (length % 4 != 0)
        goto malformed;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    bytes = bb_alloc(ctx, length / 4 * 3 + 1);
    if (bytes == NULL) {
        JS_FreeCString(ctx, (const char *)text);
        return JS_EXCEPTION;
    }
    for (size_t i = 0; i < length - padding; i++) {
        int value = digit_value(text[i]);
        if (value < 0)
            goto malformed;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            bytes[size++] = (uint8_t)(bits >> 16);
            bytes[size++] = (uint8_t)(bits >> 8);
            bytes[size++] = (uint8_t)bits;
            bits = 0;
        }
    }
    if (padding == 1) {
        bytes[size++] = (uint8_t)(bits >> 10);
        bytes[size++] = (uint8_t)(bits >> 2);
    } else if (padding == 2) {
        bytes[size++] = (uint8_t)(bits >> 4);
    }
    JS_FreeCString(ctx, (const char *)text);
    return own_bytes(ctx, bytes, size);
malformed:
    js_free(ctx, bytes);
    JS_FreeCString(ctx, (const char *)text);
    return JS_NULL;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("utf8Encode", 1, utf8_encode),
    JS_CFUNC_DEF("utf8Length", 1, utf8_length),
    JS_CFUNC_DEF("utf8EncodeInto", 2, utf8_encode_into),
    JS_CFUNC_DEF("utf8Decode", 2, utf8_decode),
    JS_CFUNC_DEF("latin1Encode", 1, latin1_encode),
    JS_CFUNC_DEF("latin1Decode", 1, latin1_decode),
    JS_CFUNC_DEF("utf16Decode", 3, utf16_decode),
    JS_CFUNC_DEF("base64Encode", 1, base64_encode),
    JS_CFUNC_DEF("base64Decode", 1, base64_decode),
};

void bb_bytes_init(JSContext *ctx, JSValueConst target)
{
    JS_SetPropertyFunctionList(ctx, target, functions, BB_COUNT(functions));
}
