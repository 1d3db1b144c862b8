#pragma once
// A sample in the shape of gotch's sources, small enough to compile in a test.
#ifdef __cplusplus
#include <cstring>
#include <exception>
inline thread_local char *torch_last_err = nullptr;
template <class T> T twice(T x) { return x.missing(); }

extern "C" {
typedef int *tensor;
#define PROTECT(x)                                                             \
  try {                                                                        \
    x                                                                          \
  } catch (const std::exception &e) {                                          \
    torch_last_err = strdup(e.what());                                         \
  }
#else
typedef void *tensor;
#endif

int at_answer(tensor);
void at_print(tensor);

#include "torch_api_generated.h"

#ifdef __cplusplus
}
#endif
