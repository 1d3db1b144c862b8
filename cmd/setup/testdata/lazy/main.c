/* Calls through two headers, as llmhost has them, from several threads at once, twice each. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct five { long v[5]; };
double weigh(long, long, long, long, long, long, long, long, double, double, double, double, double, double, double,
             double, double);
double weigh_ones(void);
struct five count_from(long);
const char *llmhost_torch_problem(void);
#include "libtch/calls.h"
#include "shim/zz_calls.h"

static void *calls(void *wrong) {
  for (int i = 0; i < 2; i++) {
    if (weigh(1, 2, 3, 4, 5, 6, 7, 8, 9.5, 10.5, 11.5, 12.5, 13.5, 14.5, 15.5, 16.5, 17.5) != 1843.5) *(int *)wrong = 1;
    struct five r = count_from(7);
    for (int k = 0; k < 5; k++)
      if (r.v[k] != 7 + k) *(int *)wrong = 2;
    if (weigh_ones() != 153) *(int *)wrong = 3;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "nothing") == 0) return 0;
  const char *problem = argc > 1 ? llmhost_torch_problem() : NULL;
  if (problem) return printf("problem: %s\n", problem), 3;
  pthread_t threads[8];
  int wrong[8] = {0};
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, calls, &wrong[i]);
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
    if (wrong[i]) return printf("thread %d: call %d went wrong\n", i, wrong[i]), 2;
  }
  return 0;
}
