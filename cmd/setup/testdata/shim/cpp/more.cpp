#include "../shim.h"

int shim_question(void) { return shim_answer() + 1; }
