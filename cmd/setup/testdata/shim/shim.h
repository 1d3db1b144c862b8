#ifdef __cplusplus
extern "C"
#endif
int shim_answer(void);
