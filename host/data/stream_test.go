package data_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/data/source"
)

// asking returns lines of records from one number to another.
func asking(from, to int) string {
	var text strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, "{\"q\":\"q%04d\"}\n", i)
	}
	return text.String()
}

func streamOf(t *testing.T, files source.Files, buffer int) *data.Stream {
	t.Helper()
	return streamWith(t, files, data.StreamOptions{Buffer: buffer})
}

// streamWith returns a stream of some buffer.
func streamWith(t *testing.T, files source.Files, with data.StreamOptions) *data.Stream {
	t.Helper()
	o := data.Options{Formatter: inProcess("qa", qa{}), OnBadRow: data.FailOnBadRow, Tokenizer: characters{}, Tokenizing: data.Tokenizing{MaxLength: 16}}
	head, err := data.LoadHead(context.Background(), files, o, 5)
	require.NoError(t, err)
	require.LessOrEqual(t, head.Set.Survey.Records, 5)
	with.Options, with.Files, with.Head, with.Seed = o, files, head, 7
	s := data.NewStream(with)
	t.Cleanup(s.Close)
	return s
}

// drawn is the text of each of the next examples.
func drawn(t *testing.T, s data.Batches, count int) []string {
	t.Helper()
	examples, err := s.Next(count)
	require.NoError(t, err)
	require.Len(t, examples, count)
	return spelled(examples)
}

// spelled is the tokens of each example as text.
func spelled(examples []data.Example) (texts []string) {
	for _, e := range examples {
		var text []rune
		for _, id := range e.Sequences[0].IDs {
			text = append(text, rune(id))
		}
		texts = append(texts, string(text))
	}
	return texts
}

// Each pass hands out every record once, in an order of its own where there is a buffer,
// and a stream that seeks to a cursor goes on as the other did, wherever that was.
func TestStreamGoesOnFromAnyCursor(t *testing.T) {
	files := write(t, "a.jsonl", asking(0, 700))
	require.NoError(t, os.WriteFile("b.jsonl", []byte("{\"q\":\"drop\"}\n"+asking(700, 1300)), 0o666))
	files.Paths = append(files.Paths, "b.jsonl")
	all := strings.Fields(strings.NewReplacer("{\"q\":\"", "", "\"}", "").Replace(asking(0, 1300)))
	for _, buffer := range []int{0, 1, 2, 100, 1300, 5000} {
		t.Run(fmt.Sprint(buffer), func(t *testing.T) {
			s := streamOf(t, files, buffer)
			var cursors []string
			var texts []string
			for len(texts) < 2600 {
				text, err := json.Marshal(s.Cursor())
				require.NoError(t, err)
				cursors = append(cursors, string(text))
				texts = append(texts, drawn(t, s, 50)...)
				require.InDelta(t, float64(len(texts))/1300, s.Epochs(), 0.6)
			}
			first, second := texts[:1300], texts[1300:]
			for _, pass := range [][]string{first, second} {
				require.Equal(t, all, slices.Sorted(slices.Values(pass)))
				require.Equal(t, buffer < 2, slices.Equal(all, pass))
			}
			require.Equal(t, buffer < 2, slices.Equal(first, second))
			s.Close()
			require.NotEmpty(t, s.Drops())
			require.Equal(t, "asked to", s.Drops()[0].Reason)
			require.Equal(t, data.Position{File: "b.jsonl", Line: 1}, s.Drops()[0].First)
			for _, at := range []int{0, 1, 13, 25, 26, 27, 51} {
				var cursor data.Cursor
				require.NoError(t, json.Unmarshal([]byte(cursors[at]), &cursor))
				again := streamOf(t, files, buffer)
				require.NoError(t, again.Seek(cursor))
				text, err := json.Marshal(again.Cursor())
				require.NoError(t, err)
				require.Equal(t, cursors[at], string(text))
				require.Equal(t, texts[50*at:], drawn(t, again, 2600-50*at), "from %d on", 50*at)
				again.Close()
			}
		})
	}
}

// What is before the records of the buffer is not read again: it may even be broken.
func TestStreamDoesNotReadWhatIsBefore(t *testing.T) {
	files := write(t, "a.jsonl", asking(0, 6000))
	s := streamOf(t, files, 2)
	drawn(t, s, 5000)
	cursor := s.Cursor()
	want := drawn(t, s, 500)
	text := asking(0, 6000)
	broken := asking(0, 10) + strings.Repeat("x", 100*len("{\"q\":\"q0000\"}\n"))
	require.NoError(t, os.WriteFile("a.jsonl", []byte(broken+text[len(broken):]), 0o666))
	again := streamOf(t, files, 2)
	require.NoError(t, again.Seek(cursor))
	require.Equal(t, want, drawn(t, again, 500))
}

// The file is opened again where records of the buffer are far from each other: what is
// between them may be broken.
func TestStreamSeeksBetweenTheRecordsOfTheBuffer(t *testing.T) {
	text := asking(0, 6000)
	files := write(t, "a.jsonl", text)
	s := streamOf(t, files, 2)
	drawn(t, s, 5)
	early := s.Cursor()
	drawn(t, s, 4995)
	cursor := s.Cursor()
	cursor.Stream.Buffer = early.Stream.Buffer
	again := streamOf(t, files, 2)
	require.NoError(t, again.Seek(cursor))
	want := drawn(t, again, 500)
	line := len("{\"q\":\"q0000\"}\n")
	require.NoError(t, os.WriteFile("a.jsonl", []byte(text[:10*line]+strings.Repeat("x", 4000*line)+text[4010*line:]), 0o666))
	again = streamOf(t, files, 2)
	require.NoError(t, again.Seek(cursor))
	require.Equal(t, want, drawn(t, again, 500))
}

// Large records fill the buffer before their number does, when the stream goes on from a
// cursor too.
func TestStreamBuffersBoundedBytes(t *testing.T) {
	files := write(t, "a.jsonl", asking(0, 300))
	bounded := func() *data.Stream {
		return streamWith(t, files, data.StreamOptions{Buffer: 100, BufferBytes: 10 * len("{\"q\":\"q0000\"}")})
	}
	s := bounded()
	drawn(t, s, 50)
	cursor := s.Cursor()
	require.Len(t, cursor.Stream.Buffer, 9)
	require.EqualValues(t, 59, cursor.Stream.Place.Row)
	want := drawn(t, s, 300)
	again := bounded()
	require.NoError(t, again.Seek(cursor))
	require.Equal(t, want, drawn(t, again, 300))
}

// A stream is used by a goroutine that keeps its thread, as the program does.
func TestStreamOfALockedThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files := write(t, "a.jsonl", asking(0, 50))
	s := streamOf(t, files, 4)
	drawn(t, s, 5)
	again := streamOf(t, files, 4)
	require.NoError(t, again.Seek(s.Cursor()))
	require.Equal(t, drawn(t, s, 70), drawn(t, again, 70))
}

func TestStreamErrors(t *testing.T) {
	bad := write(t, "a.jsonl", asking(0, 20)+"{\"q\":3}\n")
	s := streamOf(t, bad, 4)
	_, err := s.Next(50)
	require.ErrorContains(t, err, "a.jsonl:21")
	_, again := s.Next(1)
	require.Equal(t, err, again)

	files := write(t, "a.jsonl", asking(0, 20))
	s = streamOf(t, files, 4)
	drawn(t, s, 3)
	at := s.Cursor()
	require.ErrorContains(t, streamOf(t, files, 1).Seek(at), "shuffle_buffer_size")
	require.ErrorContains(t, streamOf(t, files, 4).Seek(data.Cursor{Next: 3}), "shuffle_buffer_size")
	require.NoError(t, os.WriteFile("a.jsonl", []byte(asking(0, 2)), 0o666))
	require.ErrorContains(t, streamOf(t, files, 4).Seek(at), "give the files as they were")
	require.NoError(t, os.WriteFile("a.jsonl", []byte(strings.Repeat("{\"q\":\"drop\" }\n", 20)), 0o666))
	_, err = data.LoadHead(context.Background(), files, data.Options{Formatter: inProcess("qa", qa{}), Tokenizer: characters{}, Tokenizing: data.Tokenizing{MaxLength: 8}}, 5)
	require.ErrorContains(t, err, "none of 5 records is left: 5 dropped (asked to)")
}
