/*
 * The fork server: a process that has done all that workers have in common, and makes a worker of each connection by
 * `fork()`. It has no event loop of libuv's, so there is nothing that a child would have to take over or undo: the child
 * makes its own. Timers that the bundle left open are in a heap of ours, which the child inherits.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>
#include "bb.h"

/* How long children may take to end after TERM, and how long no connection is taken after one could not be. */
#define STOP_US 2000000
#define PAUSE_MS 50
#define ACCEPTS_PER_TURN 64
#define JOBS_US 10000
/* A host that does not read what happened to its workers is broken. */
#define MAX_QUEUED (4u * 1024 * 1024)

static struct sockaddr_un address;
static int listener = -1, signals = -1, control_in = -1, control_out = -1, spare = -1;
static pid_t *children;
static size_t child_count, child_room;
static bool stopping;
static uint64_t stop_by;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[256];
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length <= 0)
        return;
    /* no line of ours is as long; a cut one would still have to end */
    if ((size_t)length >= sizeof(line)) {
        length = (int)sizeof(line) - 1;
        line[length - 1] = '\n';
    }
    bb_wire_send(line, (size_t)length);
}

/* The host hears of it before its connection is closed. */
static void fork_failed(int why)
{
    const char *name = strerrorname_np(why);
    say("{\"id\":\"\",\"type\":\"fork_failed\",\"payload\":{\"errno\":\"%s\"}}\n", name == NULL ? "UNKNOWN" : name);
    bb_wire_flush(control_out);
}

/*
 * With no descriptor left a connection cannot even be refused, and would wait for ever: the spare one is for that.
 */
static void refuse_connection(void)
{
    int connection;
    if (spare < 0)
        return;
    close(spare);
    connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection >= 0)
        close(connection);
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A socket that only this user can connect to. */
static int listen_on(const char *path)
{
    struct stat found;
    mode_t before;
    int fd, failed;
    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    /* what a predecessor left behind */
    if (lstat(path, &found) == 0 && S_ISSOCK(found.st_mode))
        unlink(path);
    before = umask(0177);
    failed = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (failed != 0 || listen(fd, 512) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static bool is_same_user(int connection)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
}

static bool remember(pid_t pid)
{
    if (child_count == child_room) {
        size_t room = child_room == 0 ? 64 : child_room * 2;
        pid_t *moved = realloc(children, room * sizeof(*moved));
        if (moved == NULL)
            return false;
        children = moved;
        child_room = room;
    }
    children[child_count++] = pid;
    return true;
}

static void forget(pid_t pid)
{
    for (size_t i = 0; i < child_count; i++) {
        if (children[i] == pid) {
            children[i] = children[--child_count];
            return;
        }
    }
}

/* The child: a worker like any other, on its connection. */
static void become_worker(int connection, pid_t parent)
{
    struct bb_limits limits;
    sigset_t none;
    int failed;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    close(listener);
    close(signals);
    if (spare >= 0)
        close(spare);
    if (control_in > 2)
        close(control_in);
    if (control_out > 2 && control_out != control_in)
        close(control_out);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    free(children);
    children = NULL;
    child_count = child_room = 0;
    /* the zygote's own conversation is none of the child's */
    bb_wire_reset();
    bb_random_reseed();
    failed = bb_loop_open(connection, connection);
    if (failed != 0) {
        bb_note("the protocol's transport could not be opened: %s", uv_strerror(failed));
        _exit(BB_EXIT_PROTOCOL);
    }
    bb_limits_from_environment(&limits);
    bb_limits_apply(&limits);
    bb_vm_hook(BB_HOOK_FORKED, 0, NULL);
    bb_loop_run();
}

/* False when no connection can be taken for now. */
static bool take_connections(void)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        pid_t parent = getpid(), pid;
        int why;
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return true;
            why = errno;
            fork_failed(why);
            if (why == EMFILE || why == ENFILE)
                refuse_connection();
            return false;
        }
        if (!is_same_user(connection)) {
            close(connection);
            continue;
        }
        pid = fork();
        if (pid == 0)
            become_worker(connection, parent);
        if (pid < 0)
            fork_failed(errno);
        else if (!remember(pid))
            kill(pid, SIGKILL);
        close(connection);
        if (pid < 0)
            return false;
    }
    return true;
}

/* The most memory that a worker had tells its host a death at the limit from others. */
static void reap(void)
{
    struct signalfd_siginfo info;
    struct rusage used;
    int status;
    pid_t pid;
    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        continue;
    while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
        forget(pid);
        if (WIFSIGNALED(status)) {
            const char *name = sigabbrev_np(WTERMSIG(status));
            say("{\"id\":\"\",\"type\":\"exited\",\"payload\":{\"pid\":%d,\"code\":null,\"signal\":\"SIG%s\",\"max_rss_kb\":%ld}}\n",
                (int)pid, name == NULL ? "UNKNOWN" : name, used.ru_maxrss);
        } else {
            say("{\"id\":\"\",\"type\":\"exited\",\"payload\":{\"pid\":%d,\"code\":%d,\"signal\":null,\"max_rss_kb\":%ld}}\n",
                (int)pid, WEXITSTATUS(status), used.ru_maxrss);
        }
    }
}

static void signal_children(int number)
{
    for (size_t i = 0; i < child_count; i++)
        kill(children[i], number);
}

static void end(int code)
{
    if (listener >= 0)
        unlink(address.sun_path);
    _exit(code);
}

void bb_zygote_stop(void)
{
    if (stopping)
        return;
    stopping = true;
    stop_by = bb_now_us() + STOP_US;
    unlink(address.sun_path);
    close(listener);
    listener = -1;
    signal_children(SIGTERM);
}

static void read_control(void)
{
    uint8_t chunk[4096];
    for (;;) {
        ssize_t length = read(control_in, chunk, sizeof(chunk));
        if (length > 0) {
            bb_wire_push(chunk, (size_t)length);
        } else if (length < 0 && errno == EINTR) {
            continue;
        } else if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        } else {
            /* the host is gone: the kernel takes the children with us */
            end(0);
        }
    }
}

static void serve(void)
{
    uint64_t paused_until = 0;
    for (;;) {
        struct pollfd fds[4];
        int count = 3, timeout = -1, takes = -1;
        uint64_t now = bb_now_us();
        if (stopping) {
            if (child_count == 0) {
                bb_wire_flush(control_out);
                _exit(0);
            }
            if (now >= stop_by) {
                signal_children(SIGKILL);
                stop_by = now + STOP_US;
            }
            timeout = (int)((stop_by - now) / 1000 + 1);
        }
        fds[0] = (struct pollfd){ .fd = control_in, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
        if (listener >= 0 && now >= paused_until) {
            takes = 2;
            fds[2] = (struct pollfd){ .fd = listener, .events = POLLIN };
        } else {
            count = 2;
            if (listener >= 0)
                timeout = (int)((paused_until - now) / 1000 + 1);
        }
        if (bb_wire_queued() > 0)
            fds[count++] = (struct pollfd){ .fd = control_out, .events = POLLOUT };
        if (poll(fds, (nfds_t)count, timeout) < 0 && errno != EINTR)
            end(BB_EXIT_PROTOCOL);
        if (fds[1].revents != 0)
            reap();
        if (fds[0].revents != 0)
            read_control();
        if (takes >= 0 && fds[takes].revents != 0 && listener >= 0 && !take_connections())
            paused_until = bb_now_us() + PAUSE_MS * 1000;
        if (!bb_wire_flush(control_out) || bb_wire_queued() > MAX_QUEUED)
            end(0);
    }
}

int bb_zygote_serve(const char *path, int in, int out)
{
    sigset_t child;
    control_in = in;
    control_out = out;
    listener = listen_on(path);
    if (listener < 0)
        return -errno;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) {
        int why = errno;
        unlink(path);
        return -why;
    }
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    bb_vm_hook(BB_HOOK_ZYGOTE, 0, NULL);
    while (!bb_vm_jobs(JOBS_US))
        continue;
    /* what the start left behind need not be copied into any child */
    JS_RunGC(bb_rt);
    malloc_trim(0);
    serve();
    return 0;
}
