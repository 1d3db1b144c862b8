package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// unpackPage decompresses a page that must have so many bytes then.
func unpackPage(codec format.CompressionCodec, packed []byte, size int) ([]byte, error) {
	if codec == format.Uncompressed {
		return packed, nil
	}
	page := make([]byte, size)
	n, err := unpackInto(page, codec, packed)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes instead of %d", n, size)
	}
	if err != nil {
		return nil, fmt.Errorf("a page is damaged (%s: %w); copy or write the file again", codec, err)
	}
	return page, nil
}

// unpackInto decompresses a page into memory of its size and returns how many bytes came
// of it, one more than that size for any more.
func unpackInto(page []byte, codec format.CompressionCodec, packed []byte) (int, error) {
	switch codec {
	case format.Snappy:
		if n, err := snappy.DecodedLen(packed); err != nil || n != len(page) {
			return n, err
		}
		got, err := snappy.Decode(page, packed)
		return len(got), err
	case format.Lz4Raw:
		return lz4.UncompressBlock(packed, page)
	case format.Lz4:
		return unpackHadoop(page, packed)
	}
	in, err := pageReader(codec, packed)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	n, err := io.ReadFull(in, page)
	if err != nil {
		return n, err
	}
	more, err := in.Read(make([]byte, 1))
	if err == io.EOF {
		err = nil
	}
	return n + more, err
}

// pageReader decompresses a page of a codec that has streams.
func pageReader(codec format.CompressionCodec, packed []byte) (io.ReadCloser, error) {
	switch codec {
	case format.Gzip:
		return gzip.NewReader(bytes.NewReader(packed))
	case format.Brotli:
		return io.NopCloser(brotli.NewReader(bytes.NewReader(packed))), nil
	case format.Zstd:
		r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("pages compressed with it are not read; write the file with snappy, zstd or gzip")
}

// unpackHadoop decompresses LZ4 as Hadoop frames it, which old writers use: blocks, each
// behind the lengths of what it holds and of itself. Some wrote one block without them.
func unpackHadoop(page, packed []byte) (int, error) {
	done := 0
	for rest := packed; len(rest) > 0; {
		if len(rest) < 8 {
			return lz4.UncompressBlock(packed, page)
		}
		size := int(binary.BigEndian.Uint32(rest))
		length := int(binary.BigEndian.Uint32(rest[4:]))
		if length > len(rest)-8 || size > len(page)-done {
			return lz4.UncompressBlock(packed, page)
		}
		n, err := lz4.UncompressBlock(rest[8:8+length], page[done:done+size])
		if err != nil || n != size {
			return lz4.UncompressBlock(packed, page)
		}
		done += n
		rest = rest[8+length:]
	}
	return done, nil
}
