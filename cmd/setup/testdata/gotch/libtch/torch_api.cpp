#include "torch_api.h"

// A brace in a comment { or in "a literal" does not count.
static const char *brace = "{";

int at_answer(tensor t) {
  PROTECT(return brace[0] == '{' ? *t : 0;)
  return -1;
}

void at_print(tensor t) { PROTECT(*t = 1;) }

#include "torch_api_generated.cpp.h"
