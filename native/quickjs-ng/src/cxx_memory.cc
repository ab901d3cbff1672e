/*
 * The memory of C++ (ada's) is counted and limited with the engine's. C++ has no way here to be told that there is none
 * (no exceptions), so the worker ends with the exit code that says it; big inputs are refused before (url_text.h).
 */
#include <cstdlib>
#include <new>

#include "bb.h"

static void *take(size_t size) {
  void *memory = bb_memory_functions.js_malloc(nullptr, size == 0 ? 1 : size);
  if (memory == nullptr) bb_exit_now(BB_EXIT_MEMORY);
  return memory;
}

void *operator new(size_t size) { return take(size); }
void *operator new[](size_t size) { return take(size); }
void *operator new(size_t size, const std::nothrow_t &) noexcept { return bb_memory_functions.js_malloc(nullptr, size); }
void *operator new[](size_t size, const std::nothrow_t &) noexcept { return bb_memory_functions.js_malloc(nullptr, size); }
void operator delete(void *memory) noexcept { bb_memory_functions.js_free(nullptr, memory); }
void operator delete[](void *memory) noexcept { bb_memory_functions.js_free(nullptr, memory); }
void operator delete(void *memory, size_t) noexcept { bb_memory_functions.js_free(nullptr, memory); }
void operator delete[](void *memory, size_t) noexcept { bb_memory_functions.js_free(nullptr, memory); }
