#include "../shim.h"

namespace {
int hidden() { return 42; }
} // namespace

int not_of_c() { return hidden(); }

int shim_answer(void) { return not_of_c(); }
