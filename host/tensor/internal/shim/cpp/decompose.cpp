// Decompositions of a matrix.
#include "handles.h"

extern "C" {

int shim_svd(void *a, void **u, void **s, void **vh) {
  return guard([&] {
    auto [left, values, right] = at::linalg_svd(ref(a), /*full_matrices=*/false);
    *u = new Tensor(left);
    *s = new Tensor(values);
    *vh = new Tensor(right);
  });
}

int shim_qr(void *a, void **q, void **r) {
  return guard([&] {
    auto [orthogonal, triangular] = at::linalg_qr(ref(a));
    *q = new Tensor(orthogonal);
    *r = new Tensor(triangular);
  });
}

} // extern "C"
