// Finds and loads the library that holds all C++, and libtorch with it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// LIBRARY, its name; BUILD, the digest of all that it was made from; INSTALLED,
// where setup put it.
#include "zz_library.h"

#define HIDDEN __attribute__((visibility("hidden")))

static void *library;
static char problem[3 * PATH_MAX]; // why it cannot be loaded, "" if it can

// Writes the library's path in the folder of the running program and says
// whether there is one.
static int beside(char path[PATH_MAX]) {
  ssize_t end = readlink("/proc/self/exe", path, PATH_MAX - sizeof LIBRARY);
  while (end > 0 && path[end - 1] != '/') end--;
  if (end <= 0) return 0;
  strcpy(path + end, LIBRARY);
  return access(path, F_OK) == 0;
}

static void open_library(void) {
  char found[PATH_MAX];
  const char *path = beside(found) ? found : INSTALLED;
  library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    snprintf(problem, sizeof problem,
             "libtorch cannot be loaded: %s; run make setup, or put " LIBRARY " beside the binary", dlerror());
    return;
  }
  const char *build = dlsym(library, "llmhost_torch_build");
  if (!build || strcmp(build, BUILD) != 0) {
    snprintf(problem, sizeof problem,
             "libtorch cannot be loaded: %s belongs to another build of llmhost; run make build", path);
  }
}

// Loads the library, once, and gives NULL or why that cannot be done.
HIDDEN const char *llmhost_torch_problem(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return *problem ? problem : NULL;
}

// Gives the address of a function of the library, or ends the program.
HIDDEN void *llmhost_torch_function(const char *name) {
  const char *why = llmhost_torch_problem();
  void *function = why ? NULL : dlsym(library, name);
  if (!function) {
    fprintf(stderr, "llmhost: %s\n", why ? why : dlerror());
    _exit(1);
  }
  return function;
}
