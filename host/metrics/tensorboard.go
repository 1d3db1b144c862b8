package metrics

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Events appends scalars to a TensorBoard event file: TFRecord frames around
// messages of TensorFlow's event.proto and summary.proto.
type Events struct{ file *os.File }

// The fields of those messages that are written here.
const (
	eventWallTime    = 1 // double, seconds since 1970
	eventStep        = 2 // int64
	eventFileVersion = 3 // string
	eventSummary     = 5 // Summary
	eventSessionLog  = 7 // SessionLog

	summaryValue = 1 // repeated Value
	valueTag     = 1 // string
	valueSimple  = 2 // float

	sessionStatus = 1 // enum
	sessionStart  = 1 // its START
)

// fileVersion is in the first message of every file.
const fileVersion = "brain.Event:2"

// CreateEvents begins a new event file in folder. firstStep is the first step
// that it will hold: TensorBoard then ignores what the folder's older files have
// for it and later steps, from before a resumption.
func CreateEvents(folder string, now time.Time, firstStep int) (*Events, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	name := fmt.Sprintf("events.out.tfevents.%d.%s.%d.%d", now.Unix(), host, os.Getpid(), now.Nanosecond())
	file, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	e := &Events{file: file}
	var version, start message
	version.double(eventWallTime, seconds(now))
	version.bytes(eventFileVersion, []byte(fileVersion))
	start.double(eventWallTime, seconds(now))
	start.varint(eventStep, uint64(firstStep))
	start.bytes(eventSessionLog, []byte{sessionStatus << 3, sessionStart})
	if err := e.write(version.Bytes(), start.Bytes()); err != nil {
		file.Close()
		return nil, err
	}
	return e, nil
}

// Append writes the values of one entry as scalars: eval_x under the tag
// eval/x, every other x under train/x, as Hugging Face does.
func (e *Events) Append(now time.Time, entry Entry) error {
	var summary message
	for _, v := range entry.Values {
		var value message
		value.bytes(valueTag, []byte(tag(v.Name)))
		value.float(valueSimple, float32(v.Value))
		summary.bytes(summaryValue, value.Bytes())
	}
	var event message
	event.double(eventWallTime, seconds(now))
	event.varint(eventStep, uint64(entry.Step))
	event.bytes(eventSummary, summary.Bytes())
	return e.write(event.Bytes())
}

// Close closes the file.
func (e *Events) Close() error { return e.file.Close() }

func tag(name string) string {
	if rest, ok := strings.CutPrefix(name, "eval_"); ok {
		return "eval/" + rest
	}
	return "train/" + name
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// write frames each event as a TFRecord, all in one write, so that a reader
// never sees half of one.
func (e *Events) write(events ...[]byte) error {
	var out []byte
	for _, event := range events {
		length := binary.LittleEndian.AppendUint64(nil, uint64(len(event)))
		out = append(out, length...)
		out = binary.LittleEndian.AppendUint32(out, maskedCRC(length))
		out = append(out, event...)
		out = binary.LittleEndian.AppendUint32(out, maskedCRC(event))
	}
	_, err := e.file.Write(out)
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's: a CRC-32C, rotated by 15 bits, plus a constant.
func maskedCRC(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// message is an encoded protobuf message.
type message struct{ bytes.Buffer }

// Wire types of protobuf.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

func (m *message) number(n uint64) { m.Write(binary.AppendUvarint(nil, n)) }

func (m *message) varint(field int, n uint64) {
	m.number(uint64(field)<<3 | wireVarint)
	m.number(n)
}

func (m *message) bytes(field int, data []byte) {
	m.number(uint64(field)<<3 | wireBytes)
	m.number(uint64(len(data)))
	m.Write(data)
}

func (m *message) double(field int, x float64) {
	m.number(uint64(field)<<3 | wire64)
	m.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
}

func (m *message) float(field int, x float32) {
	m.number(uint64(field)<<3 | wire32)
	m.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
}
