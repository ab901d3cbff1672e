/*
 * The function's own modules, always from source: the bundle, and what it imports from its own folder. Nothing of the
 * library can be imported by name from there.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include "bb.h"

#define LIBRARY "bunbase:"
#define FILE_URL "file://"

/* The folder of the bundle, with its slash; empty while there is none. */
static char folder[PATH_MAX];

static bool in_library(const char *name)
{
    return strncmp(name, LIBRARY, strlen(LIBRARY)) == 0;
}

static int hex(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0'
         : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
         : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                        : -1;
}

/* The path of a file URL, without its query and fragment. */
static bool path_of_url(const char *url, char *path, size_t room)
{
    size_t length = 0;
    for (const char *from = url + strlen(FILE_URL); *from != 0 && *from != '?' && *from != '#'; from++) {
        char byte = *from;
        if (byte == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            byte = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        }
        if (length + 1 >= room || byte == 0)
            return false;
        path[length++] = byte;
    }
    path[length] = 0;
    return length > 0 && path[0] == '/';
}

/* A module cannot be had: at the place where it is asked for, as far as that is known. */
static __attribute__((format(printf, 2, 3))) void *refuse(JSContext *ctx, const char *format, ...)
{
    char text[PATH_MAX + 512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    JS_ThrowReferenceError(ctx, "%s", text);
    JS_AddModuleRequestPlace(ctx);
    return NULL;
}

static char *normalize(JSContext *ctx, const char *base, const char *name, void *opaque)
{
    char joined[PATH_MAX], real[PATH_MAX];
    const char *slash;
    (void)opaque;
    if (in_library(base) && in_library(name))
        return js_strdup(ctx, name);
    if (strncmp(name, FILE_URL, strlen(FILE_URL)) == 0) {
        if (!path_of_url(name, joined, sizeof(joined)))
            goto missing;
    } else if (name[0] == '/') {
        if (snprintf(joined, sizeof(joined), "%s", name) >= (int)sizeof(joined))
            goto missing;
    } else if (name[0] == '.' && (name[1] == '/' || (name[1] == '.' && name[2] == '/'))) {
        slash = strrchr(base, '/');
        if (slash == NULL || base[0] != '/') {
            base = folder;
            slash = base[0] == 0 ? base : base + strlen(base) - 1;
        }
        if (snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - base), base, name) >= (int)sizeof(joined))
            goto missing;
    } else {
        return refuse(ctx, "Cannot find module '%s': on this runtime a bundle has to bring all its modules along; "
                           "there are no Node or Bun modules", name);
    }
    if (realpath(joined, real) == NULL)
        goto missing;
    if (folder[0] == 0 || strncmp(real, folder, strlen(folder)) != 0)
        return refuse(ctx, "Cannot import '%s': it is outside of the bundle's folder", name);
    return js_strdup(ctx, real);
missing:
    return refuse(ctx, "Cannot find module '%s'", name);
}

/* The file's bytes, NUL-terminated (malloc); NULL with errno set. */
static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rbe");
    char *bytes = NULL;
    size_t room = 0, end = 0;
    if (file == NULL)
        return NULL;
    for (;;) {
        if (room - end < 2) {
            char *moved = realloc(bytes, room = room == 0 ? 64 * 1024 : room * 2);
            if (moved == NULL) {
                errno = ENOMEM;
                goto failed;
            }
            bytes = moved;
        }
        size_t got = fread(bytes + end, 1, room - end - 1, file);
        end += got;
        if (got == 0)
            break;
    }
    if (ferror(file)) {
        errno = errno == 0 ? EIO : errno;
        goto failed;
    }
    fclose(file);
    bytes[end] = 0;
    *length = end;
    return bytes;
failed:
    {
        int why = errno;
        free(bytes);
        fclose(file);
        errno = why;
    }
    return NULL;
}

static JSValue url_of_path(JSContext *ctx, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.!~*'();:@&=+$,";
    char *url = malloc(strlen(path) * 3 + sizeof(FILE_URL));
    char *end;
    JSValue value;
    if (url == NULL)
        return JS_ThrowOutOfMemory(ctx);
    end = stpcpy(url, FILE_URL);
    for (; *path != 0; path++) {
        if (strchr(plain, *path) != NULL)
            *end++ = *path;
        else
            end += sprintf(end, "%%%02X", (unsigned char)*path);
    }
    value = JS_NewStringLen(ctx, url, (size_t)(end - url));
    free(url);
    return value;
}

/* Compiles a file; the module is one of the context's then. */
static JSValue compile(JSContext *ctx, const char *path)
{
    size_t length;
    char *source = read_file(path, &length);
    JSValue module, meta, url;
    if (source == NULL) {
        refuse(ctx, "cannot read %s: %s", path, strerror(errno));
        return JS_EXCEPTION;
    }
    module = JS_Eval(ctx, source, length, path, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    free(source);
    if (JS_IsException(module))
        return module;
    meta = JS_GetImportMeta(ctx, JS_VALUE_GET_PTR(module));
    url = JS_IsException(meta) ? JS_EXCEPTION : url_of_path(ctx, path);
    if (JS_IsException(url) || JS_DefinePropertyValueStr(ctx, meta, "url", url, JS_PROP_C_W_E) < 0) {
        JS_FreeValue(ctx, meta);
        JS_FreeValue(ctx, module);
        return JS_EXCEPTION;
    }
    JS_FreeValue(ctx, meta);
    return module;
}

static JSModuleDef *loader(JSContext *ctx, const char *name, void *opaque)
{
    JSValue module;
    JSModuleDef *definition;
    (void)opaque;
    if (in_library(name))
        return bb_library_module(ctx, name);
    module = compile(ctx, name);
    if (JS_IsException(module))
        return NULL;
    definition = JS_VALUE_GET_PTR(module);
    JS_FreeValue(ctx, module);
    return definition;
}

void bb_module_init(void)
{
    JS_SetModuleLoaderFunc(bb_rt, normalize, loader, NULL);
}

/* [promise of its evaluation, namespace]; throws when it cannot be compiled or linked. */
JSValue bb_module_load(JSContext *ctx, const char *given)
{
    char path[PATH_MAX];
    JSValue module, evaluated, namespace;
    if (realpath(given, path) == NULL)
        return JS_ThrowReferenceError(ctx, "cannot read %s: %s", given, strerror(errno));
    memcpy(folder, path, strlen(path) + 1);
    strrchr(folder, '/')[1] = 0;
    module = compile(ctx, path);
    if (JS_IsException(module))
        return JS_EXCEPTION;
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    evaluated = JS_EvalFunction(ctx, module);
    if (JS_IsException(evaluated))
        return JS_EXCEPTION;
    namespace = JS_GetModuleNamespace(ctx, definition);
    if (JS_IsException(namespace)) {
        JS_FreeValue(ctx, evaluated);
        return JS_EXCEPTION;
    }
    return JS_NewArrayFrom(ctx, 2, (JSValue[]){ evaluated, namespace });
}
