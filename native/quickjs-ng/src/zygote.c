/* The fork server. */
#include "bb.h"

int bb_zygote_run(const char *path, int control)
{
    (void)path;
    (void)control;
    bb_note("no fork server yet");
    return BB_EXIT_PROTOCOL;
}
