// The table that the trampolines jump through: what fills it on first use.
// In front of this text stand the macros LOAD and TABLE and the array names.

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

// One slot a name, made by the trampolines.
HIDDEN extern void *TABLE[];

// The handle of the library. It stands in package shim, which every program
// that comes here has in it, and ends the program where nothing can be loaded.
void *llmhost_torch(void) __attribute__((weak));

static void fill(void) {
  void *library = llmhost_torch();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *function = dlsym(library, names[i]);
    if (!function) {
      fprintf(stderr, "llmhost: %s\n", dlerror());
      _exit(1);
    }
    __atomic_store_n(&TABLE[i], function, __ATOMIC_RELEASE);
  }
}

// Called by a trampoline whose slot is empty. Other threads that come here
// meanwhile wait; those whose slot is full already go their way.
HIDDEN void LOAD(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill);
}
