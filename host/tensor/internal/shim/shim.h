// C interface to the parts of libtorch that llmhost needs beyond gotch's wrappers.
//
// A tensor handle is gotch's: a pointer to a torch::Tensor on the C++ heap.
// Every function that can fail returns NULL (or a nonzero int) and sets the error
// that shim_take_error returns on the calling thread.
#ifndef LLMHOST_SHIM_H
#define LLMHOST_SHIM_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A contiguous range of packed tokens: [start, start+len). prefix is the index of
// the segment that precedes it in the same sequence, or -1.
typedef struct {
  int64_t start, len, prefix;
} shim_segment;

// softcap 0 = none; dropout 0 = none; window 0 = none.
typedef struct {
  double scale, softcap, dropout;
  int64_t window;
  int bidirectional;
} shim_attention_options;

typedef struct {
  double lr, beta1, beta2, eps, weight_decay;
  int fused;
} shim_adamw_options;

// runtime.cpp
char *shim_take_error(void);
void shim_free(void *p);

const char *shim_torch_version(void);
int shim_load_cuda(void);
int shim_cuda_count(void);
int shim_cuda_memory(int device, int64_t *allocated, int64_t *peak);
int shim_set_threads(int n);
int shim_get_threads(void);
int shim_is_grad_enabled(void);
void shim_set_grad_enabled(int on);
void shim_manual_seed(int64_t seed);
int64_t shim_rng_state(uint8_t *out, int64_t cap);
int shim_set_rng_state(const uint8_t *state, int64_t n);
int shim_deterministic(int on);

int shim_copy_from(void *dst, const void *src, int64_t bytes);
int shim_copy_to(void *src, void *dst, int64_t bytes);
int64_t shim_address(void *t);

int shim_backward(void *root, void *gradient);

// optimizer.cpp
int shim_zero_grads(void **params, int64_t n);
void *shim_grad_norm(void **params, int64_t n);
int shim_clip_grads(void **params, int64_t n, void *norm, double max_norm);
int shim_adamw(void **params, void **exp_avg, void **exp_avg_sq,
               void **steps, int64_t n, void *skip, shim_adamw_options o);
void *shim_scalars(void **scalars, int64_t n);

// norm.cpp, rotary.cpp, attention.cpp
void *shim_rms_norm(void *x, void *weight, double eps);
void *shim_rotate(void *x, void *cos, void *sin);
void *shim_attention(void *q, void *k, void *v, const shim_segment *segments,
                     int64_t n, shim_attention_options o);

// head.cpp
void *shim_token_logps(void *hidden, void *weight, void *target,
                       int means, int64_t chunk, double softcap);
void *shim_token_kl(void *hidden, void *weight, void *ref_hidden,
                    void *ref_weight, int forward, int64_t chunk, double softcap);

// nf4.cpp
int shim_nf4_quantize(void *weight, void **codes, void **scales);
void *shim_nf4_dequantize(void *codes, void *scales, int64_t rows, int64_t cols);
void *shim_nf4_linear(void *x, void *codes, void *scales, void *bias,
                      int64_t rows, int64_t cols);

// decompose.cpp
int shim_svd(void *a, void **u, void **s, void **vh);
int shim_qr(void *a, void **q, void **r);

// reduce.cpp
void *shim_index_reduce_max(void *t, int64_t axis, void *index, void *src);

#ifdef __cplusplus
}
#endif
#endif
