/*
 * The memory of C++ (ada's) is counted and limited with the engine's. C++ cannot be told here that there is none left (it
 * is compiled without exceptions), so callers ask for room before, where the engine can throw (url_text.h). Where that was
 * not enough, the worker ends with the exit code that says it.
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
