/* make test: asks the plugin for its programs, on this machine. */
#include "rrhf.c"

#include <stdio.h>
#include <string.h>

static int failures;

static void has(const char *text, const char *want) {
    if (strstr(text, want)) return;
    printf("want %s\nin   %s\n", want, text);
    failures++;
}

int main(void) {
    has(lh_program("rrhf", "{}"), "{\"name\":\"rank\",\"sum\":29,\"count\":24,\"coefficient\":1}");
    has(lh_program("rrhf", "{\"rrhf_reduction\":\"paper_sum\",\"rrhf_weight\":0.1}"), "{\"name\":\"rank\",\"sum\":28,\"coefficient\":1e-1}");
    has(lh_program("rrhf", "{\"rrhf_weight\":-1}"), "\"message\":\"rrhf_weight is not what it takes; want a number of at least 0\",\"field\":\"rrhf_weight\"");
    return failures != 0;
}
