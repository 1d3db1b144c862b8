package mutants

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"llmhost/sdk"
)

func formatterMutant(name, bug string, f sdk.Formatter, checks ...string) Mutant {
	return Mutant{Bug: bug, Checks: checks, Plugin: sdk.Plugin{Name: name, Version: "0.0.1", Doc: bug, Formatters: []sdk.FormatterSpec{sdk.NewFormatter(name, bug, f)}}}
}

// qa reads question and answer and hands them to the function.
type qa struct {
	format func(question, answer string, o *sdk.Out) error
}

func (qa) Columns() []sdk.Column {
	return []sdk.Column{{Name: "question", Type: sdk.String, Required: true}, {Name: "answer", Type: sdk.String, Required: true}}
}

func (f qa) Format(r *sdk.Row, o *sdk.Out) error { return f.format(r.Str(0), r.Str(1), o) }

// ranked reads texts and scores and hands them to the function.
type ranked struct {
	format func(texts []string, scores []float64, o *sdk.Out) error
}

func (ranked) Columns() []sdk.Column {
	return []sdk.Column{{Name: "texts", Type: sdk.StringList, Required: true}, {Name: "scores", Type: sdk.FloatList, Required: true}}
}

func (f ranked) Format(r *sdk.Row, o *sdk.Out) error {
	if len(r.Strs(0)) == 0 || len(r.Strs(0)) != len(r.Floats(1)) {
		return errors.New("texts and scores do not pair up")
	}
	return f.format(r.Strs(0), r.Floats(1), o)
}

// cut splits a text at its mark, or in the middle.
func cut(text string) (prompt, answer string) {
	if prompt, answer, found := strings.Cut(text, "<sep>"); found {
		return prompt, answer
	}
	prompt, answer, _ = strings.Cut(text, " ")
	return prompt, answer
}

// optional sets a column only where the record has it.
type optional struct{}

func (optional) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String, Required: true}, {Name: "weight", Type: sdk.Float}}
}

func (optional) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate("", r.Str(0))
	if r.Has(1) {
		o.Set("weight", r.Float(1))
	}
	return nil
}

// unmarked has a mark as parameter and writes a fixed one.
type unmarked struct {
	Mark string `llmhost:"mark,default=Q: ,doc=what stands before the question"`
}

func (unmarked) Columns() []sdk.Column { return qa{}.Columns() }

func (unmarked) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate("Q: "+r.Str(0)+"\n", r.Str(1))
	return nil
}

// forgetful never reads its second field.
type forgetful struct{}

func (forgetful) Columns() []sdk.Column {
	return []sdk.Column{{Name: "instruction", Type: sdk.String, Required: true}, {Name: "input", Type: sdk.String}, {Name: "output", Type: sdk.String, Required: true}}
}

func (forgetful) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate(r.Str(0)+"\n", r.Str(2))
	return nil
}

// formatters lose, mix up or keep what they should not.
func formatters() []Mutant {
	kept, labels, number := map[string]bool{}, map[string]int{}, 0
	return []Mutant{
		formatterMutant("leaks", "keeps every record it has seen", qa{func(question, answer string, o *sdk.Out) error {
			kept[strings.Clone(question+answer)] = true
			o.Candidate(question, answer)
			return nil
		}}, "memory"),
		formatterMutant("numbers-records", "puts a running number into the prompt", qa{func(question, answer string, o *sdk.Out) error {
			number++
			o.Candidate(strconv.Itoa(number)+". "+question, answer)
			return nil
		}}, "batches"),
		formatterMutant("labels-as-they-come", "labels are numbered in the order in which records come", qa{func(question, answer string, o *sdk.Out) error {
			if _, known := labels[answer]; !known {
				labels[answer] = len(labels) % 7
			}
			o.Candidate(question, answer).Set("label", float64(labels[answer]))
			return nil
		}}, "batches"),
		formatterMutant("order-of-a-map", "candidates come in the order of a map", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			by := map[string]float64{}
			for i, text := range texts {
				by[text] = scores[i]
			}
			for text, score := range by {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", score)
			}
			return nil
		}}, "batches"),
		formatterMutant("scores-slip", "an empty text is left out, its score is not", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			at := len(scores) - 1
			for _, text := range texts {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", scores[at])
				at--
			}
			return nil
		}}, "lists"),
		formatterMutant("first-is-chosen", "the first text is taken for the best", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts[:min(2, len(texts))] {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", float64(1-i))
			}
			return nil
		}}, "lists", "fields"),
		formatterMutant("answer-keeps-prompt", "the answer is the whole text", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts {
				prompt, _ := cut(text)
				o.Candidate(prompt, text).Set("score", scores[i])
			}
			return nil
		}}, "texts"),
		formatterMutant("panics-on-empty", "indexes into an empty text", qa{func(question, answer string, o *sdk.Out) error {
			if answer[0] == ' ' {
				answer = answer[1:]
			}
			o.Candidate(question, answer)
			return nil
		}}, "hostile", "records"),
		formatterMutant("cuts-bytes", "long texts are cut at a number of bytes", qa{func(question, answer string, o *sdk.Out) error {
			o.Candidate(question, answer[:min(len(answer), 200)])
			return nil
		}}, "texts"),
		formatterMutant("pairs-with-itself", "every text is paired with every text, itself too", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for range texts {
				for i, text := range texts {
					prompt, answer := cut(text)
					o.Candidate(prompt, answer).Set("score", scores[i])
				}
			}
			return nil
		}}, "texts"),
		formatterMutant("log-of-score", "the logarithm of a score, which may be negative", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", math.Log(scores[i]))
			}
			return nil
		}}, "records"),
		formatterMutant("fills-up-itself", "candidates are filled up to six with a blank and the score -100", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i := range 6 {
				prompt, answer, score := "", " ", -100.0
				if i < len(texts) {
					prompt, answer = cut(texts[i])
					score = scores[i]
				}
				o.Candidate(prompt, answer).Set("score", score)
			}
			return nil
		}}, "texts"),
		formatterMutant("swapped-sides", "question and answer change places", qa{func(question, answer string, o *sdk.Out) error {
			o.Candidate(answer+"\n", question)
			return nil
		}}, "texts"),
		formatterMutant("bytes-for-characters", "bytes are taken for characters", qa{func(question, answer string, o *sdk.Out) error {
			var out strings.Builder
			for i := range len(answer) {
				out.WriteRune(rune(answer[i]))
			}
			o.Candidate(question, out.String())
			return nil
		}}, "texts"),
		formatterMutant("cuts-characters", "long texts are cut at 500 characters", qa{func(question, answer string, o *sdk.Out) error {
			if long := []rune(answer); len(long) > 500 {
				answer = string(long[:500])
			}
			o.Candidate(question, answer)
			return nil
		}}, "texts"),
		formatterMutant("mark-on-answer", "the text is cut before its mark", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts {
				at := strings.Index(text, "<sep>")
				if at < 0 {
					return errors.New("a text without <sep>")
				}
				o.Candidate(text[:at], text[at:]).Set("score", scores[i])
			}
			return nil
		}}, "texts"),
		formatterMutant("whole-scores", "scores are cut to whole numbers", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", float64(int(scores[i])))
			}
			return nil
		}}, "lists"),
		formatterMutant("without-the-last", "the last text is left out", ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts[:len(texts)-1] {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", scores[i])
			}
			return nil
		}}, "lists"),
		formatterMutant("one-by-length", "a weight is divided by a length that may be 0", qa{func(question, answer string, o *sdk.Out) error {
			o.Candidate(question, answer)
			o.Set("weight", 1/float64(len(strings.TrimSpace(answer))))
			return nil
		}}, "hostile"),
		formatterMutant("nothing-to-learn", "everything stands in the prompt", qa{func(question, answer string, o *sdk.Out) error {
			o.Candidate(question+"\n"+answer, "")
			return nil
		}}, "texts"),
		formatterMutant("fixed-mark", "the parameter for the mark is not used", unmarked{}, "settings"),
		formatterMutant("wordy-drops", "the reason for a drop quotes the record", qa{func(question, answer string, o *sdk.Out) error {
			if strings.TrimSpace(answer) == "" {
				return o.Drop("no answer to " + question)
			}
			o.Candidate(question, answer)
			return nil
		}}, "drops"),
		formatterMutant("column-now-and-then", "a column is set only where the record has a field", optional{}, "columns"),
		formatterMutant("forgets-the-input", "the input field is declared and never read", forgetful{}, "fields"),
	}
}
