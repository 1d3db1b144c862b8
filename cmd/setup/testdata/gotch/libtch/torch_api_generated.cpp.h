// Generated.

void atg_add(tensor *out__, tensor self, tensor other) {
  PROTECT(
    out__[0] = new int(*self + *other);
  )
}

void atg_add_(tensor *out__, tensor self, tensor other) {
  PROTECT(
    *self += *other;
    out__[0] = self;
  )
}

void atg_gone(tensor *out__, tensor self) {
  PROTECT(
    out__[0] = not_in_this_libtorch(*self);
  )
}

int atg_gone_too(tensor self) {
  PROTECT(
    return twice(*self);
  )
  return 0;
}

tensor *atg_chunk(tensor self, int chunks) {
  PROTECT(
    return new tensor[chunks];
  )
  return nullptr;
}

void atg_unused(tensor *out__, tensor self) {
  PROTECT(
    out__[0] = self;
  )
}
