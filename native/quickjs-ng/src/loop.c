/*
 * The event loop: the transport's descriptors, one timer for the heap of timers, and the turn: jobs, rejections, output.
 * Jobs do not starve the host: after a while its input is looked at, then they go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include "bb.h"

/* How long the end of the process waits for the host to take what is still to be said. */
#define FLUSH_MS 500
/* Jobs run this long before the host's input is looked at; so long are rejections told of. */
#define JOBS_US 10000
#define CHUNK (64u * 1024)
/* Of one turn's input. */
#define CHUNKS_PER_TURN 16

static uv_loop_t loop;
static uv_poll_t input, output;
static uv_timer_t timer;
static int in_fd = -1, out_fd = -1;
static int input_events, output_events;
/* Files take and give everything at once: there is nothing to wait for, and the kernel cannot wait for them. */
static bool in_is_file, out_is_file;
static bool tell_drained;
static int exit_code = -1;
static char *zygote_path;
static uint64_t exit_by;

uint64_t bb_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void bb_exit_now(int code)
{
#if defined(BB_CHECK_LEAKS)
    bb_vm_close();
    bb_wire_reset();
    exit(code);
#else
    _exit(code);
#endif
}

void bb_loop_flush_then_exit(int code)
{
    if (exit_code >= 0)
        return;
    exit_code = code;
    exit_by = bb_now_us() + FLUSH_MS * 1000;
}

bool bb_loop_is_ending(void)
{
    return exit_code >= 0;
}

bool bb_loop_is_over(void)
{
    return exit_code >= 0 && bb_now_us() > exit_by;
}

void bb_loop_when_drained(void)
{
    tell_drained = true;
}

static void on_readable(uv_poll_t *handle, int status, int events);
static void on_writable(uv_poll_t *handle, int status, int events);

void bb_loop_flush(void)
{
    if (out_fd >= 0 && !bb_wire_flush(out_fd))
        bb_exit_now(0);
}

static void watch(uv_poll_t *handle, int events, uv_poll_cb callback)
{
    if (events != 0)
        uv_poll_start(handle, events, callback);
    else
        uv_poll_stop(handle);
}

/* A host that does not read is not heard either: it cannot make the output grow without end. */
static void flush(void)
{
    int reading, writing;
    bb_loop_flush();
    if (exit_code >= 0 && (bb_wire_queued() == 0 || bb_loop_is_over()))
        bb_exit_now(exit_code);
    writing = bb_wire_queued() > 0 ? UV_WRITABLE : 0;
    reading = bb_wire_is_clogged() ? 0 : UV_READABLE;
    if (writing == output_events && reading == input_events)
        return;
    if (in_fd == out_fd) {
        if (!in_is_file)
            watch(&input, reading | writing, on_readable);
    } else {
        if (!in_is_file && reading != input_events)
            watch(&input, reading, on_readable);
        if (!out_is_file && writing != output_events)
            watch(&output, writing, on_writable);
    }
    input_events = reading;
    output_events = writing;
}

static void on_writable(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    (void)events;
    if (status < 0)
        output_events = 0;
    flush();
}

static void read_input(void);

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    if (events & UV_WRITABLE)
        flush();
    /* libuv stops at an error; what came before it, and the end, are still to be read */
    if (status < 0)
        watch(&input, input_events | (in_fd == out_fd ? output_events : 0), on_readable);
    if (status == 0 && (events & (UV_READABLE | UV_DISCONNECT)) == 0)
        return;
    read_input();
}

static void read_input(void)
{
    static uint8_t chunk[CHUNK];
    for (int i = 0; i < CHUNKS_PER_TURN && !bb_wire_is_clogged(); i++) {
        ssize_t length = read(in_fd, chunk, sizeof(chunk));
        if (length > 0) {
            bb_wire_push(chunk, (size_t)length);
            if ((size_t)length < sizeof(chunk))
                return;
        } else if (length < 0 && errno == EINTR) {
            continue;
        } else if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        } else {
            bb_exit_now(0);
        }
    }
}

static void on_timer(uv_timer_t *handle)
{
    (void)handle;
    bb_timers_run();
    /* timers come before the poll in libuv's round, and this round must not wait: new timers, jobs and output are seen to first */
    uv_stop(&loop);
}

static int nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int bb_loop_open(int in, int out)
{
    in_fd = in;
    out_fd = out;
    if (nonblocking(in) < 0 || (out != in && nonblocking(out) < 0))
        return -errno;
    int failed = uv_loop_init(&loop);
    if (failed == 0)
        failed = uv_timer_init(&loop, &timer);
    if (failed == 0)
        failed = uv_poll_init(&loop, &input, in);
    in_is_file = failed == UV_EPERM;
    if (in_is_file)
        failed = 0;
    if (failed == 0 && out != in) {
        failed = uv_poll_init(&loop, &output, out);
        out_is_file = failed == UV_EPERM;
        if (out_is_file)
            failed = 0;
    } else {
        out_is_file = in_is_file;
    }
    if (failed == 0 && !in_is_file) {
        input_events = UV_READABLE;
        failed = uv_poll_start(&input, input_events, on_readable);
    }
    return failed;
}

static void arm(void)
{
    int64_t next = bb_timers_next();
    if (exit_code >= 0) {
        int64_t rest = (int64_t)exit_by - (int64_t)bb_now_us();
        if (next < 0 || rest < next)
            next = rest < 0 ? 0 : rest;
    }
    if (next < 0) {
        uv_timer_stop(&timer);
        return;
    }
    uv_update_time(&loop);
    uv_timer_start(&timer, on_timer, (uint64_t)(next + 999) / 1000, 0);
}

void bb_loop_become_zygote(const char *path)
{
    free(zygote_path);
    zygote_path = strdup(path);
}

/* Gives libuv's loop back: a fork server has none. */
static void close_loop(void)
{
    uv_close((uv_handle_t *)&timer, NULL);
    if (!in_is_file)
        uv_close((uv_handle_t *)&input, NULL);
    if (in_fd != out_fd && !out_is_file)
        uv_close((uv_handle_t *)&output, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    input_events = output_events = 0;
}

static void turn_into_zygote(void)
{
    char *path = zygote_path;
    int failed;
    /* its children are no fork servers */
    zygote_path = NULL;
    close_loop();
    failed = bb_zygote_serve(path, in_fd, out_fd);
    free(path);
    JSValue why = JS_NewString(bb_ctx, strerror(-failed));
    bb_vm_hook(BB_HOOK_REFUSED, 1, (JSValueConst[]){ why });
    JS_FreeValue(bb_ctx, why);
    bb_wire_flush(out_fd);
    bb_exit_now(BB_EXIT_LOAD);
}

void bb_loop_run(void)
{
    JS_UpdateStackTop(bb_rt);
    for (;;) {
        bool idle = bb_vm_jobs(JOBS_US) && bb_vm_rejections(JOBS_US);
        idle = idle && (!JS_IsJobPending(bb_rt) || bb_loop_is_ending());
        flush();
        if (idle && zygote_path != NULL)
            turn_into_zygote();
        if (!bb_wire_is_clogged()) {
            if (tell_drained) {
                tell_drained = false;
                bb_vm_hook(BB_HOOK_DRAINED, 0, NULL);
                idle = false;
            }
            if (bb_wire_lines())
                idle = false;
            if (in_is_file) {
                read_input();
                idle = false;
            }
        }
        arm();
        uv_run(&loop, idle ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    }
}
