package wasm

import "context"

// Format appends the reply of llmhost_format to reply, so that its memory can
// be reused.
func (in *Instance) Format(ctx context.Context, handle uint32, frame, reply []byte) ([]byte, error) {
	pointer, err := in.put(ctx, frame)
	if err != nil {
		return nil, err
	}
	reply, err = in.appendReply(ctx, reply, "llmhost_format", uint64(handle), uint64(pointer), uint64(len(frame)))
	if err != nil {
		return nil, err
	}
	_, err = in.call(ctx, "llmhost_free", uint64(pointer), uint64(len(frame)))
	return reply, err
}
