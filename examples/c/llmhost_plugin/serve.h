/* The calls of the contract. Each reply is a status byte and a payload. */

/* The instance of a number, of a loss or pooling or else of a formatter. */
static const lh_instance *lh_instance_of(uint32_t number, int formatter) {
    const lh_instance *in = number && number <= LH_MAX_INSTANCES ? lh_instances[number - 1] : 0;
    return in && in->component && (in->component->kind == LH_FORMATTER) == formatter ? in : 0;
}

static void lh_reply_trace(lh_buffer *out, uint32_t number) {
    if (!(lh_current = lh_instance_of(number, 0))) {
        lh_reply_error(out, "bad_request", (lh_text){0}, "no loss or pooling has that number");
        return;
    }
    lh_graph_clear(), lh_said_clear();
    lh_current->component->trace();
    if (lh_current->component->kind == LH_POOLING && !lh_graph.output.id) lh_fault(0, 0, "the pooling called no lh_output");
    if (lh_graph.fault) {
        lh_buffer what = {0};
        if (lh_graph.fault_file) lh_put_place(&what, lh_graph.fault_file, lh_graph.fault_line), lh_puts(&what, ": ");
        lh_puts(&what, lh_graph.fault), lh_byte(&what, 0);
        lh_reply_error(out, "trace", (lh_text){0}, what.at);
        return;
    }
    lh_byte(out, 0);
    lh_put_program(out, lh_current->component->kind);
    lh_put_declared(out);
    lh_byte(out, '}');
}

static void lh_reply_format(lh_buffer *out, uint32_t number, lh_text frame) {
    if (!(lh_current = lh_instance_of(number, 1))) {
        lh_reply_error(out, "bad_request", (lh_text){0}, "no formatter has that number");
        return;
    }
    lh_byte(out, 0);
    const char *wrong = lh_format_frame(lh_current->component->format, frame, out);
    if (wrong) lh_reply_error(out, "bad_request", (lh_text){0}, wrong);
}

#ifdef __wasm__
#define LH_EXPORT(NAME) __attribute__((export_name(#NAME))) NAME

static uint32_t lh_live; /* buffers that the host has not freed */

static uint64_t lh_hand_over(lh_buffer out) {
    lh_live++;
    return (uint64_t)(uintptr_t)out.at << 32 | out.size;
}

void LH_EXPORT(llmhost_abi_v2)(void) {}

uint32_t LH_EXPORT(llmhost_alloc)(uint32_t size) {
    void *at = lh_try(size);
    lh_live += at != 0;
    return (uint32_t)(uintptr_t)at;
}

void LH_EXPORT(llmhost_free)(uint32_t pointer, uint32_t size) {
    (void)pointer, (void)size;
    if (lh_live && --lh_live == 0) lh_top = lh_floor;
}

uint64_t LH_EXPORT(llmhost_describe)(void) {
    lh_buffer out = {0};
    lh_reply_describe(&out);
    return lh_hand_over(out);
}

uint64_t LH_EXPORT(llmhost_configure)(uint32_t component, uint32_t pointer, uint32_t size) {
    lh_buffer out = {0};
    lh_reply_configure(&out, component, (lh_text){(const char *)(uintptr_t)pointer, size});
    lh_floor = lh_top; /* an instance and its texts stay */
    return lh_hand_over(out);
}

uint64_t LH_EXPORT(llmhost_trace)(uint32_t instance, uint32_t pointer, uint32_t size) {
    (void)pointer, (void)size;
    lh_buffer out = {0};
    lh_reply_trace(&out, instance);
    return lh_hand_over(out);
}

uint64_t LH_EXPORT(llmhost_format)(uint32_t instance, uint32_t pointer, uint32_t size) {
    lh_buffer out = {0};
    lh_reply_format(&out, instance, (lh_text){(const char *)(uintptr_t)pointer, size});
    return lh_hand_over(out);
}

void LH_EXPORT(llmhost_close)(uint32_t instance) {
    if (instance && instance <= LH_MAX_INSTANCES && lh_instances[instance - 1]) lh_instances[instance - 1]->component = 0;
}
#endif
