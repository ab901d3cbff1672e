/* Entropy: from the kernel, never from a clock, and anew in every fork. */
#include <errno.h>
#include <sys/random.h>
#include "bb.h"

void bb_random(void *into, size_t length)
{
    uint8_t *bytes = into;
    while (length > 0) {
        ssize_t got = getrandom(bytes, length, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            bb_note("no entropy from the kernel");
            bb_exit_now(BB_EXIT_PROTOCOL);
        }
        bytes += got;
        length -= (size_t)got;
    }
}

void bb_random_reseed(void)
{
    uint64_t state;
    bb_random(&state, sizeof(state));
    JS_SetRandomState(bb_ctx, state);
}
