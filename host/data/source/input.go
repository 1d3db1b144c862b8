package source

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// headBytes is how much of a file its kind is read from.
const headBytes = 1 << 16

// input is an open data file of a known kind.
type input struct {
	path string
	file *os.File
	kind *fileKind
	pack packing
	head []byte // how it begins, decompressed

	dataset savedDataset // of a folder of datasets
}

// openInput opens a file, or a folder of datasets, and finds out its kind.
func openInput(path string) (*input, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := &input{path: path, file: file}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = in.openFolder()
	default:
		if err = in.recognise(); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return in, nil
}

// openFolder opens a folder of datasets.
func (in *input) openFolder() (err error) {
	var found bool
	in.kind = datasetFolder
	in.dataset, found, err = openDataset(in.path)
	if err == nil && !found {
		err = fmt.Errorf("%s: the folder holds no data set any more", in.path)
	}
	return err
}

// Close closes the file.
func (in *input) Close() error { return in.file.Close() }

// recognise reads the kind from how the file begins.
func (in *input) recognise() (err error) {
	if in.head, err = readHead(in.file); err != nil {
		return err
	}
	if in.pack = packingOf(in.head); in.pack != unpacked {
		if in.head, err = in.unpackedHead(); err != nil {
			return err
		}
		if inner := packingOf(in.head); inner != unpacked {
			return fmt.Errorf("%s data inside %s data; decompress the file once", inner, in.pack)
		}
	}
	if err := foreign(in.path, in.head); err != nil {
		return err
	}
	in.kind = kindOf(in.path, in.head)
	if in.pack != unpacked && in.kind == parquetKind {
		return fmt.Errorf("Parquet inside %s, which can be read from its end alone; decompress the file, for Parquet compresses by itself", in.pack)
	}
	if in.kind == nil && bytes.IndexByte(in.head, 0) >= 0 {
		return fmt.Errorf("neither text nor another kind of data file; want one of %s", endingNames())
	}
	if in.kind == nil {
		return fmt.Errorf("text of an unknown kind; name it .txt if each line is a text, else write one of %s", endingNames())
	}
	return nil
}

// unpackedHead reads how the decompressed file begins.
func (in *input) unpackedHead() ([]byte, error) {
	text, err := in.from(0)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	return readHead(text)
}

// from reads the file, decompressed, from a byte on. Of a compressed file all
// that is before is decompressed.
func (in *input) from(offset int64) (io.ReadCloser, error) {
	if in.pack == unpacked {
		if err := in.seek(offset); err != nil {
			return nil, err
		}
		return keptOpen{in.file}, nil
	}
	if err := in.seek(0); err != nil {
		return nil, err
	}
	text, err := in.pack.unpack(in.file)
	if err != nil {
		return nil, err
	}
	skipped, err := io.CopyN(io.Discard, text, offset)
	if err == io.EOF {
		err = shrunk(skipped, offset)
	}
	if err != nil {
		text.Close()
		return nil, err
	}
	return text, nil
}

// keptOpen is a file that whoever reads it does not close. It can be sought in.
type keptOpen struct{ *os.File }

// Close leaves the file open.
func (keptOpen) Close() error { return nil }

// seek goes to a byte of a file that has as many.
func (in *input) seek(offset int64) error {
	size, err := in.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if offset > size {
		return shrunk(size, offset)
	}
	_, err = in.file.Seek(offset, io.SeekStart)
	return err
}

// shrunk is the error of a place that lies beyond the end of a file.
func shrunk(size, offset int64) error {
	return fmt.Errorf("the file has %d bytes, and the place to begin at is byte %d; it is not the file that was read before", size, offset)
}

// readHead reads the first bytes, or all of fewer.
func readHead(from io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(from, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}

// kindName names the kind for people, with how it is compressed.
func (in *input) kindName() string {
	if in.pack == unpacked {
		return in.kind.name
	}
	return in.kind.name + ", " + string(in.pack)
}

// note is what a user should know of the file, "" for nothing: that its name says
// something else than its content.
func (in *input) note() string {
	named := kindOfName(in.path)
	_, packed := splitName(in.path)
	switch {
	case in.kind == datasetFolder:
	case named != nil && !in.kind.bears(in.path) && len(in.head) > 0:
		return fmt.Sprintf("%s holds %s, not %s as its name says; it is read as what it holds", in.path, in.kindName(), named.name)
	case packed != in.pack && in.pack == unpacked:
		return fmt.Sprintf("%s is not compressed, though its name says so", in.path)
	case packed != in.pack:
		return fmt.Sprintf("%s is compressed with %s, which its name does not say", in.path, in.pack)
	}
	return ""
}
