package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packing is how a file is compressed.
type packing string

const (
	unpacked  packing = ""
	gzipped   packing = "gzip"
	zstandard packing = "zstd"
)

// packingOf is the packing of a file by how it begins.
func packingOf(head []byte) packing {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard
	}
	return unpacked
}

// maxWindow is how far back zstd data may refer, which is what its decoder holds in
// memory. It is the bound of the zstd program too, unless that is told another.
const maxWindow = 128 << 20

// unpack reads what in holds, decompressed.
func (p packing) unpack(in io.Reader) (io.ReadCloser, error) {
	switch p {
	case gzipped:
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, p.broken(err)
		}
		return unpacker{r, r.Close, p}, nil
	case zstandard:
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, p.broken(err)
		}
		closing := func() error {
			r.Close()
			return nil
		}
		return unpacker{r, closing, p}, nil
	}
	return io.NopCloser(in), nil
}

// unpacker names what is wrong with compressed data.
type unpacker struct {
	io.Reader
	close  func() error
	packed packing
}

// Read reads decompressed bytes.
func (u unpacker) Read(to []byte) (int, error) {
	n, err := u.Reader.Read(to)
	if err != nil && err != io.EOF {
		err = u.packed.broken(err)
	}
	return n, err
}

// Close frees the decoder.
func (u unpacker) Close() error { return u.close() }

// broken is the error of compressed data that a decoder refuses.
func (p packing) broken(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the %s data ends in its middle; the file was cut short, so copy or write it again", p)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("the zstd data needs a window of more than %s; compress it again without --long or --ultra", bytesText(maxWindow))
	}
	return fmt.Errorf("the %s data is damaged (%w); copy or write the file again", p, err)
}
