package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// magic tells files of a kind by the bytes at an offset.
type magic struct {
	at    int
	bytes string
	what  string // it is
	fix   string
}

const (
	unpackIt = "unpack it and give the files in it"
	writeIt  = "write its records as JSON lines or Parquet"
	again    = "get the file itself again"
)

// magics are kinds of files that are given as data files now and then and are none.
var magics = []magic{
	{0, "PK\x03\x04", "a zip archive (which .xlsx, .npz and .pt are too)", unpackIt + ", or save the sheet as .csv"},
	{257, "ustar", "a tar archive", unpackIt},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", unpackIt},
	{0, "Rar!\x1a\x07", "a rar archive", unpackIt},
	{4, "1AY&SY", "compressed with bzip2", "compress it with gzip or zstd instead"},
	{0, "\xfd7zXZ\x00", "compressed with xz", "compress it with gzip or zstd instead"},
	{0, "\x04\x22\x4d\x18", "compressed with lz4", "compress it with gzip or zstd instead"},
	{0, "FEA1\x00", "Feather of version 1", "write it again with pandas.DataFrame.to_feather, which writes version 2"},
	{0, "\x93NUMPY", "an array of NumPy", writeIt},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file", writeIt},
	{0, "SQLite format 3\x00", "a database of SQLite", writeIt},
	{0, "Obj\x01", "an Avro file", writeIt},
	{0, "ORC", "an ORC file", writeIt},
	{0, "\x80\x02", "a pickle of Python", writeIt},
	{0, "\x80\x03", "a pickle of Python", writeIt},
	{0, "\x80\x04", "a pickle of Python", writeIt},
	{0, "\x80\x05", "a pickle of Python", writeIt},
	{0, "\xd0\xcf\x11\xe0", "an old Office document", "save the sheet as .csv"},
	{0, "%PDF-", "a PDF", "extract its text, one record a line"},
	{0, "GGUF\x03", "a model (GGUF), not data", "give data files"},
	{0, "version https://git-lfs.github.com/", "a pointer of Git LFS, not the data", "fetch the data with: git lfs pull"},
	{0, "<!DOCTYPE html", "a page of HTML, perhaps an error page of a download", again},
	{0, "<!doctype html", "a page of HTML, perhaps an error page of a download", again},
	{0, "<html", "a page of HTML, perhaps an error page of a download", again},
	{0, "<?xml", "an XML file", writeIt},
}

// foreign is the error of a file that is no data file, by how it begins.
func foreign(path string, head []byte) error {
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) && !m.mayBe(path, head) {
			return fmt.Errorf("%s; %s", m.what, m.fix)
		}
	}
	if encoding := wideEncoding(head); encoding != "" {
		name := filepath.Base(path)
		return fmt.Errorf("text in %s; data files are UTF-8; convert it: iconv -f %s -t UTF-8 %s > utf8%s", encoding, encoding, name, filepath.Ext(strings.TrimSpace(name)))
	}
	return nil
}

// mayBe says whether a file that begins like m may all the same be the text that its
// name says.
func (m magic) mayBe(path string, head []byte) bool {
	page := m.bytes[0] == '<'
	word := m.bytes == "ORC" && bytes.IndexByte(head, 0) < 0
	return page && kindOfName(path) == plainText || word
}

// wideEncoding is the encoding of a text whose characters take two or four bytes each,
// told by its byte order mark or by where its first characters have zeros; else "".
func wideEncoding(head []byte) string {
	starts := func(mark string) bool { return bytes.HasPrefix(head, []byte(mark)) }
	switch {
	case starts("\xff\xfe\x00\x00"), starts("\x00\x00\xfe\xff"):
		return "UTF-32"
	case starts("\xff\xfe"), starts("\xfe\xff"):
		return "UTF-16"
	case len(head) < 4:
		return ""
	}
	zeros := 0
	for i, b := range head[:4] {
		if b == 0 {
			zeros |= 8 >> i
		}
	}
	return map[int]string{0b0111: "UTF-32LE", 0b1110: "UTF-32BE", 0b0101: "UTF-16LE", 0b1010: "UTF-16BE"}[zeros]
}
