/*
 * fuzz BUNDLE [SECONDS [SEED]]
 *
 * The message loop under random lines: seeds that are cut, joined, repeated, spliced and damaged, in pieces of any size.
 * Each round is a fork of its own with a seed of its own: SEED, and one more each time. That of a round which does not end
 * well is printed: run for 0 seconds with that seed, that round alone does the same, and says what it says.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bb.h"

#define INPUTS_PER_ROUND 300
#define MAX_INPUT 8192

static const char *const seeds[] = {
    "{\"id\":\"a\",\"type\":\"invoke\",\"payload\":{\"method\":\"POST\",\"path\":\"/\",\"url\":\"/x?y=1\",\"headers\":{\"host\":\"h\","
    "\"a\":[\"1\",\"2\"]},\"query\":{\"q\":\"1\"},\"body\":\"aGk=\",\"deadline_ms\":50,\"trace\":\"00-4bf92f\"}}",
    "{\"id\":\"b\",\"type\":\"invoke\",\"payload\":{\"method\":\"GET\",\"path\":\"/a b\",\"headers\":{},\"query\":{},\"body\":\"\"}}",
    "{\"id\":\"a\",\"type\":\"cancel\",\"payload\":{\"reason\":\"deadline\"}}",
    "{\"id\":\"p\",\"type\":\"ping\",\"payload\":{}}",
    "{\"id\":\"a\",\"type\":\"result\",\"payload\":{\"call_id\":\"1\",\"ok\":true,\"response\":{\"status\":200,\"headers\":{},\"body\":\"\"}}}",
    "{\"id\":\"\",\"type\":\"load\",\"payload\":{\"bundle_path\":\"/nonexistent\",\"handler\":\"\",\"env\":{\"A\":\"1\"},\"limits\":{}}}",
    "{\"id\":\"\",\"type\":\"shutdown\",\"payload\":{}}",
    "{\"id\":\"\\ud800\\u0000\",\"type\":\"ping\"}",
    "[[[[{}]]]]",
    "null",
    "\xff\xfe{}",
};

static uint64_t state;

static uint32_t next(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static size_t take_seed(uint8_t *into)
{
    const char *seed = seeds[next(BB_COUNT(seeds))];
    memcpy(into, seed, strlen(seed));
    return strlen(seed);
}

static size_t damage(uint8_t *line, size_t length)
{
    uint8_t other[1024];
    size_t from, to, size;
    for (uint32_t times = next(6); times > 0 && length > 2; times--) {
        from = next((uint32_t)length);
        to = from + next((uint32_t)(length - from));
        switch (next(6)) {
        case 0:
            line[from] = (uint8_t)next(256);
            break;
        case 1:
            line[from] ^= (uint8_t)(1u << next(8));
            break;
        case 2: /* a piece goes */
            memmove(line + from, line + to, length - to);
            length -= to - from;
            break;
        case 3: /* a piece comes twice */
            size = to - from;
            if (length + size <= MAX_INPUT) {
                memmove(line + to, line + from, length - from);
                length += size;
            }
            break;
        case 4: /* the rest is another's */
            size = take_seed(other);
            if (from + size <= MAX_INPUT) {
                memcpy(line + from, other, size);
                length = from + size;
            }
            break;
        default: /* digits and brackets, where they hurt */
            line[from] = (uint8_t)"0123456789{}[]\",:\\-eE.\n"[next(23)];
        }
    }
    return length;
}

static void round_of(uint64_t seed, int out)
{
    static uint8_t line[MAX_INPUT + 1024];
    state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < INPUTS_PER_ROUND; i++) {
        size_t length = take_seed(line), at = 0;
        if (next(8) != 0)
            length = damage(line, length);
        line[length++] = '\n';
        while (at < length) {
            size_t piece = 1 + next((uint32_t)(length - at));
            bb_wire_push(line + at, piece);
            at += piece;
            if (next(4) == 0)
                bb_vm_jobs(1000);
        }
        bb_vm_jobs(1000);
        bb_vm_rejections(10000);
        bb_timers_run();
        bb_wire_flush(out);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 60;
    bool once = seconds <= 0;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL) << 20;
    uint64_t end, rounds = 0;
    int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    JSValue core;
    if (argc < 2 || out < 0) {
        fprintf(stderr, "usage: fuzz BUNDLE [SECONDS [SEED]]\n");
        return 2;
    }
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    bb_vm_open();
    core = bb_library_segment(bb_ctx, "core");
    if (JS_IsException(core) || !bb_vm_take_hooks(core))
        return 2;
    JS_FreeValue(bb_ctx, core);
    {
        JSValue arguments[2] = { JS_NewString(bb_ctx, argv[1]), JS_NewString(bb_ctx, "") };
        bb_vm_hook(BB_HOOK_START, 2, arguments);
        JS_FreeValue(bb_ctx, arguments[0]);
        JS_FreeValue(bb_ctx, arguments[1]);
    }
    while (!bb_vm_jobs(10000))
        continue;
    bb_wire_flush(out);
    end = bb_now_us() + (uint64_t)(seconds * 1e6);
    do {
        int status;
        pid_t pid = fork();
        if (pid < 0)
            return 2;
        if (pid == 0) {
            /* what strays is noted; a sanitizer's report goes to the same place */
            if (!once && freopen("build/fuzz.log", "w", stderr) == NULL)
                _exit(2);
            alarm(30);
            round_of(seed, out);
            bb_vm_close();
            bb_wire_reset();
            exit(0);
        }
        if (waitpid(pid, &status, 0) < 0 || status != 0) {
            printf("build/fuzz.log has what was said; once more: fuzz %s 0 %llu\n", argv[1], (unsigned long long)seed);
            printf("seed %llu: status %d (signal %d, code %d)\n", (unsigned long long)seed, status, WTERMSIG(status),
                   WEXITSTATUS(status));
            return 1;
        }
        seed++;
        rounds++;
    } while (!once && bb_now_us() < end);
    printf("%llu rounds of %d inputs, no finding\n", (unsigned long long)rounds, INPUTS_PER_ROUND);
    return 0;
}
