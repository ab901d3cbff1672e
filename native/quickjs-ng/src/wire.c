/* The protocol's bytes: lines of the host's, cut anywhere, and lines to the host, as fast as it takes them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bb.h"

/* Buffers that grew past this for one line are given back after it. */
#define KEPT (256u * 1024)
#define FIRST (16u * 1024)
/* While the host leaves more than this unread, it is not listened to, and what is large waits. */
#define BACKLOG (8u * 1024 * 1024)

struct buffer {
    uint8_t *bytes;
    size_t start, end, room;
};

static struct buffer in, out;
/* Up to here there is no newline in `in`, from its start on. */
static size_t searched;

static void no_memory(void)
{
    bb_note("out of memory for the protocol's lines");
    bb_exit_now(BB_EXIT_MEMORY);
}

/* Makes room for `more` bytes behind the last one, and one for a NUL. */
static void reserve(struct buffer *buffer, size_t more)
{
    size_t length = buffer->end - buffer->start;
    size_t wanted = length + more + 1;
    if (buffer->end + more + 1 <= buffer->room)
        return;
    if (wanted <= buffer->room && buffer->start >= buffer->room / 2) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, length);
    } else {
        size_t room = buffer->room < FIRST ? FIRST : buffer->room;
        uint8_t *moved;
        while (room < wanted)
            room += room < KEPT ? room : room / 4;
        moved = malloc(room);
        if (moved == NULL)
            no_memory();
        if (length > 0)
            memcpy(moved, buffer->bytes + buffer->start, length);
        free(buffer->bytes);
        buffer->bytes = moved;
        buffer->room = room;
    }
    buffer->start = 0;
    buffer->end = length;
}

static void emptied(struct buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
    if (buffer->room > KEPT) {
        free(buffer->bytes);
        buffer->bytes = NULL;
        buffer->room = 0;
    }
}

void bb_wire_reset(void)
{
    free(in.bytes);
    free(out.bytes);
    in = (struct buffer){ 0 };
    out = (struct buffer){ 0 };
    searched = 0;
}

static void oversize(void)
{
    bb_note("the host sent a line of more than %d bytes", BB_MAX_LINE_BYTES);
    bb_exit_now(BB_EXIT_PROTOCOL);
}

void bb_wire_push(const uint8_t *bytes, size_t length)
{
    size_t before = in.start;
    reserve(&in, length);
    if (in.start != before)
        searched -= before;
    memcpy(in.bytes + in.end, bytes, length);
    in.end += length;
    bb_wire_lines();
}

bool bb_wire_lines(void)
{
    bool some = false;
    while (in.start < in.end && !bb_wire_is_clogged()) {
        uint8_t *line = in.bytes + in.start;
        uint8_t *newline = memchr(in.bytes + searched, '\n', in.end - searched);
        size_t size;
        if (newline == NULL) {
            searched = in.end;
            if (in.end - in.start > BB_MAX_LINE_BYTES)
                oversize();
            return some;
        }
        size = (size_t)(newline - line);
        if (size > BB_MAX_LINE_BYTES)
            oversize();
        *newline = 0;
        in.start += size + 1;
        searched = in.start;
        some = true;
        bb_session_line(line, size);
    }
    if (in.start == in.end) {
        emptied(&in);
        searched = 0;
    }
    return some;
}

uint8_t *bb_wire_room(size_t length)
{
    uint8_t *room;
    reserve(&out, length);
    room = out.bytes + out.end;
    out.end += length;
    return room;
}

void bb_wire_send(const char *bytes, size_t length)
{
    memcpy(bb_wire_room(length), bytes, length);
}

size_t bb_wire_queued(void)
{
    return out.end - out.start;
}

bool bb_wire_is_clogged(void)
{
    if (bb_wire_queued() <= BACKLOG)
        return false;
    bb_loop_flush();
    return bb_wire_queued() > BACKLOG;
}

bool bb_wire_flush(int descriptor)
{
    while (out.start < out.end) {
        ssize_t written = write(descriptor, out.bytes + out.start, out.end - out.start);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        out.start += (size_t)written;
    }
    emptied(&out);
    return true;
}

void bb_note(const char *format, ...)
{
    char text[4096];
    int length;
    va_list arguments;
    ssize_t ignored;
    va_start(arguments, format);
    length = vsnprintf(text, sizeof(text) - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length > sizeof(text) - 2)
        length = (int)sizeof(text) - 2;
    text[length] = '\n';
    {
        char line[sizeof(text) + 32];
        int size = snprintf(line, sizeof(line), "bunbase guest: %.*s", length + 1, text);
        ignored = write(2, line, (size_t)size);
    }
    (void)ignored;
}
