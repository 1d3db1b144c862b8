#pragma once
#ifdef __cplusplus
extern "C" {
#endif
int shim_answer(void);
int shim_question(void);
#ifdef __cplusplus
}
#endif
