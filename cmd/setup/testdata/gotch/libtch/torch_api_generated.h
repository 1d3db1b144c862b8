void atg_add(tensor *, tensor self, tensor other);
void atg_add_(tensor *, tensor self, tensor other);
void atg_gone(tensor *, tensor self);
int atg_gone_too(tensor self);
tensor *atg_chunk(tensor self, int chunks);
void atg_unused(tensor *, tensor self);
