import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { CaseFailure } from "../model/Case.ts"

/**
 * Moves the wall clock of one process, and no other's: a library that is loaded before the C library. A time namespace could not
 * do it, which has monotonic clocks only; and the machine's own clock is not the suite's to set.
 */
const SOURCE = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long *shift;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_day)(struct timeval *, void *);

__attribute__((constructor)) static void begin(void) {
  static const long none = 0;
  const char *path = getenv("CONFORMANCE_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void *shared = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  shift = shared == MAP_FAILED ? &none : shared;
  real_clock = dlsym(RTLD_NEXT, "clock_gettime");
  real_day = dlsym(RTLD_NEXT, "gettimeofday");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (real_clock == NULL) begin();
  int result = real_clock(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *shift;
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  if (real_day == NULL) begin();
  int result = real_day(now, zone);
  if (result == 0) now->tv_sec += *shift;
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
`

export interface ClockShim {
  /** For `LD_PRELOAD`. */
  readonly library: string
  /** Holds the shift; its path goes into `CONFORMANCE_CLOCK`. */
  readonly file: string
  /** By so many seconds, from the true time. */
  readonly shift: (seconds: number) => void
}

/** Builds it with the machine's C compiler. Where there is none, a prerequisite is missing, which is a failure. */
export const buildClockShim = (folder: string): ClockShim => {
  const source = join(folder, "clock.c")
  const library = join(folder, "clock.so")
  const file = join(folder, "clock")
  writeFileSync(source, SOURCE)
  const { error, status, stderr } = spawnSync(
    "cc",
    ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"],
    {
      encoding: "utf8"
    }
  )
  if (status !== 0) {
    throw new CaseFailure(
      "a prerequisite is missing: a C compiler (cc), to give the server a clock that can be set",
      {
        observed: error?.message ?? stderr.slice(0, 500)
      }
    )
  }
  const shift = (seconds: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(seconds))
    writeFileSync(file, bytes, { flag: existing ? "r+" : "w" })
    existing = true
  }
  let existing = false
  shift(0)
  return { library, file, shift }
}
