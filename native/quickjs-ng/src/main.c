/*
 * bunbase-quickjs: the worker of the second runtime.
 *
 *   bunbase-quickjs [--bundle PATH [--handler NAME]]
 *   bunbase-quickjs --zygote --listen PATH
 *
 * It speaks the worker protocol on the socket that BUNBASE_PROTOCOL_FD names, else on stdin and stdout.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>
#include "bb.h"

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

static bool has_flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

/* The kernel ends this process with its host, also in a loop that never ends. */
static void follow_host(void)
{
    const char *host = getenv("BUNBASE_HOST_PID");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* the host was gone before */
    if (host != NULL && strtol(host, NULL, 10) != getppid())
        _exit(0);
}

/* The descriptor that the protocol is spoken on; -1: stdin and stdout. */
static int protocol_descriptor(void)
{
    const char *text = getenv(BB_PROTOCOL_FD_VARIABLE);
    char *end;
    long number;
    if (text == NULL)
        return -1;
    number = strtol(text, &end, 10);
    if (*text == 0 || *end != 0 || number < 0 || number > 1 << 20 || fcntl((int)number, F_GETFD) < 0) {
        bb_note("the protocol's transport could not be opened: %s is not an open descriptor", text);
        exit(BB_EXIT_PROTOCOL);
    }
    fcntl((int)number, F_SETFD, FD_CLOEXEC);
    return (int)number;
}

static void load_library(void)
{
    JSValue core = bb_library_segment(bb_ctx, "core");
    if (JS_IsException(core) || !bb_vm_take_hooks(core)) {
        JSValue thrown = JS_GetException(bb_ctx);
        const char *text = JS_ToCString(bb_ctx, thrown);
        JSValue stack = JS_GetPropertyStr(bb_ctx, thrown, "stack");
        const char *frames = JS_ToCString(bb_ctx, stack);
        bb_note("the library does not start: %s\n%s", text == NULL ? "" : text, frames == NULL ? "" : frames);
        exit(BB_EXIT_PROTOCOL);
    }
    JS_FreeValue(bb_ctx, core);
}

int main(int argc, char **argv)
{
    const char *bundle = option(argc, argv, "--bundle");
    const char *handler = option(argc, argv, "--handler");
    const char *listen = option(argc, argv, "--listen");
    struct bb_limits limits;
    int fd, failed;

    signal(SIGPIPE, SIG_IGN);
    follow_host();
    fd = protocol_descriptor();
    bb_vm_open();
    load_library();
    if (has_flag(argc, argv, "--zygote")) {
        if (listen == NULL) {
            bb_note("--zygote needs --listen PATH");
            return BB_EXIT_PROTOCOL;
        }
        failed = fd < 0 ? bb_zygote_serve(listen, 0, 1) : bb_zygote_serve(listen, fd, fd);
        bb_note("the fork server cannot listen on %s: %s", listen, strerror(-failed));
        return BB_EXIT_PROTOCOL;
    }
    failed = fd < 0 ? bb_loop_open(0, 1) : bb_loop_open(fd, fd);
    if (failed != 0) {
        bb_note("the protocol's transport could not be opened: %s", uv_strerror(failed));
        return BB_EXIT_PROTOCOL;
    }
    bb_limits_from_environment(&limits);
    bb_limits_apply(&limits);
    {
        JSValue arguments[2] = { bundle == NULL ? JS_NULL : JS_NewString(bb_ctx, bundle),
                                 JS_NewString(bb_ctx, handler == NULL ? "" : handler) };
        bb_vm_hook(BB_HOOK_START, 2, arguments);
        JS_FreeValue(bb_ctx, arguments[0]);
        JS_FreeValue(bb_ctx, arguments[1]);
    }
    bb_loop_run();
}
