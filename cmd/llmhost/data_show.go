package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"llmhost/host"
	"llmhost/host/atomicfile"
	"llmhost/host/config"
	"llmhost/host/data/show"
	"llmhost/host/data/source"
)

const showUsage = `show [FILE …|FILE:LINE] [--config run.toml] [--NAME VALUE …] [--records 1,5,100-110] [--table] [--html FILE]
    what a model sees of records: each token, its role, whether it is learned, shared or cut off.
    The settings are those of train; colours are for a terminal, unless NO_COLOR is set`

// showFlags are the flags of data show that are no settings.
type showFlags struct {
	records string
	table   bool
	html    string
	colour  string
	width   int
}

// showData prints records token by token.
func showData(ctx context.Context, args []string) error {
	own, rest, err := splitFlags(args, "records=", "table", "html=", "color=", "width=")
	if err != nil {
		return err
	}
	f, err := parseShow(own)
	if err != nil {
		return err
	}
	var w host.Wanted
	if len(rest) > 0 {
		rest[0], w.Place = placeIn(rest[0])
	}
	if w.Place.Line == 0 || f.records != "" {
		if w.Numbers, err = ranges(f.records); err != nil {
			return err
		}
	}
	settings, err := dataSettings(rest)
	if err != nil {
		return err
	}
	records, err := host.ShowData(ctx, settings, dataEnvironment(), w)
	if err != nil {
		return err
	}
	if f.html != "" {
		return writePage(f.html, settings, records)
	}
	printRecords(f, records)
	return nil
}

func parseShow(args []string) (f showFlags, err error) {
	flags := flag.NewFlagSet("llmhost data show", flag.ContinueOnError)
	flags.StringVar(&f.records, "records", "", "numbers of records, from 1 over all files: 1,5,100-110 (default 1-3)")
	flags.BoolVar(&f.table, "table", false, "a line for each token, with its place, id, role and what becomes of it")
	flags.StringVar(&f.html, "html", "", "write a page of HTML to this file")
	flags.StringVar(&f.colour, "color", "auto", "auto, always or never")
	flags.IntVar(&f.width, "width", 0, "columns of the text (default those of the terminal)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return f, err
	} else if err != nil {
		return f, errUsage
	}
	if f.colour != "auto" && f.colour != "always" && f.colour != "never" {
		return f, fmt.Errorf("--color is %q; want auto, always or never", f.colour)
	}
	return f, nil
}

// placeIn reads FILE:LINE; the line is 0 where the argument is a file's name alone.
func placeIn(arg string) (file string, at source.Position) {
	name, line, found := strings.Cut(arg, ":")
	if i := strings.LastIndexByte(arg, ':'); i >= 0 {
		name, line = arg[:i], arg[i+1:]
	}
	n, err := strconv.Atoi(line)
	if _, missing := os.Stat(arg); !found || err != nil || n < 1 || missing == nil {
		return arg, at
	}
	return name, source.Position{File: name, Line: n}
}

// mostShown bounds how many records are shown at once.
const mostShown = 10_000

// ranges reads 1,5,100-110.
func ranges(text string) (all []host.Range, err error) {
	if text == "" {
		return []host.Range{{First: 1, Last: 3}}, nil
	}
	shown := 0
	for _, part := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		r := host.Range{}
		var wrong [2]error
		r.First, wrong[0] = strconv.Atoi(first)
		r.Last, wrong[1] = strconv.Atoi(last)
		if wrong[0] != nil || wrong[1] != nil || r.First < 1 || r.Last < r.First {
			return nil, fmt.Errorf("--records has %q; want numbers from 1 and ranges, such as 1,5,100-110", part)
		}
		if shown += r.Last - r.First + 1; shown > mostShown {
			return nil, fmt.Errorf("--records asks for more than %d records", mostShown)
		}
		all = append(all, r)
	}
	return all, nil
}

// printRecords prints records; what they hold cannot act on the terminal.
func printRecords(f showFlags, records []show.Record) {
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	t := show.Text{Width: f.width, Colour: f.colour == "always" || f.colour == "auto" && terminal && os.Getenv("NO_COLOR") == ""}
	if t.Width == 0 {
		t.Width = 100
		if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			t.Width = width
		}
	}
	if !f.table {
		fmt.Print(t.Legend())
	}
	for _, r := range records {
		fmt.Println()
		if f.table {
			fmt.Print(t.Table(r))
		} else {
			fmt.Print(t.Record(r))
		}
	}
}

func writePage(path string, s config.Settings, records []show.Record) error {
	file, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer file.Abort()
	var said []string
	for _, name := range []string{"task", "model_name_or_path", "tokenizer_name_or_path", "max_length"} {
		if value := fmt.Sprint(s.Map()[name]); value != "" {
			said = append(said, name+" = "+value)
		}
	}
	if err := show.HTML(file, "What the model sees", strings.Join(said, ", "), records); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d records\n", path, len(records))
	return nil
}
