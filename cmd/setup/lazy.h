// Calls into the library that holds all C++, without being linked to it.
//
// Behind this text stands one line for each C function of the library:
//
//   #define NAME(...) LAZY(NAME)(__VA_ARGS__)
//
// so that a call of NAME, declared before, goes through a pointer that the first
// call from that place looks up. The linker and the loader see no symbol of the
// library, so that it makes no difference how they are told to bind.
#pragma once

// The address of the library's function called name; the first call loads the
// library. It is in package shim, which every program that calls has in it.
void *llmhost_torch_function(const char *name) __attribute__((weak));

#define LAZY(function)                                               \
  ((__typeof__(function) *)({                                        \
    static void *address;                                            \
    void *known = __atomic_load_n(&address, __ATOMIC_ACQUIRE);       \
    if (!known) {                                                    \
      known = llmhost_torch_function(#function);                     \
      __atomic_store_n(&address, known, __ATOMIC_RELEASE);           \
    }                                                                \
    known;                                                           \
  }))

