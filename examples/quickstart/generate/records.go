package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
)

// How many records each file has. Together they must be fewer than there are prompts.
const (
	tuneTrain, tuneEval = 400, 100
	rankTrain, rankEval = 400, 100
)

// The scores of the four candidates of a preference record.
const (
	politeAndRight = 1.0
	curtButRight   = 0.6
	politeButWrong = 0.3
	rude           = 0.0
)

type tuneRecord struct {
	Prompt string `json:"prompt"`
	Answer string `json:"answer"`
}

type rankRecord struct {
	Texts  []string  `json:"texts"`
	Scores []float64 `json:"scores"`
}

// files returns the four data files by name. They are the same at every call.
func files() map[string][]byte {
	d := dice{rand.NewPCG(2024, 3)}
	questions := allQuestions()
	d.shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
	all := map[string][]byte{}
	for _, f := range []struct {
		name   string
		count  int
		record func(dice, question) any
	}{
		{"sft.train.jsonl", tuneTrain, tune},
		{"sft.eval.jsonl", tuneEval, tune},
		{"train.jsonl", rankTrain, rank},
		{"eval.jsonl", rankEval, rank},
	} {
		var lines bytes.Buffer
		e := json.NewEncoder(&lines)
		e.SetEscapeHTML(false)
		for _, q := range questions[:f.count] {
			if err := e.Encode(f.record(d, q)); err != nil {
				panic(err) // strings and finite numbers always encode
			}
		}
		all[f.name] = lines.Bytes()
		questions = questions[f.count:]
	}
	return all
}

// tune answers q as people do: in one of four tones, of which the last helps nobody.
func tune(d dice, q question) any {
	tones := []string{d.polite(q, q.answer), d.curt(q), d.gruff(q), d.pick(insults)}
	return tuneRecord{q.prompt, d.pick(tones)}
}

// rank gives q four answers with falling scores, in a random order.
func rank(d dice, q question) any {
	bad := d.pick(insults)
	if d.roll(2) == 0 {
		bad = d.garble(d.polite(q, q.answer))
	}
	r := rankRecord{
		Texts:  []string{d.polite(q, q.answer), d.curt(q), d.polite(q, d.pick(q.others)), bad},
		Scores: []float64{politeAndRight, curtButRight, politeButWrong, rude},
	}
	for i, answer := range r.Texts {
		r.Texts[i] = q.prompt + "<sep>" + answer
	}
	d.shuffle(len(r.Texts), func(i, j int) {
		r.Texts[i], r.Texts[j] = r.Texts[j], r.Texts[i]
		r.Scores[i], r.Scores[j] = r.Scores[j], r.Scores[i]
	})
	return r
}

// dice draws from a generator whose numbers never change, by means that are spelt
// out here.
type dice struct{ source *rand.PCG }

// roll returns one of 0 to n-1.
func (d dice) roll(n int) int { return int(d.source.Uint64() % uint64(n)) }

func (d dice) pick(from []string) string { return from[d.roll(len(from))] }

func (d dice) shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, d.roll(i+1))
	}
}

// polite says answer in a full sentence with a kind word.
func (d dice) polite(q question, answer string) string {
	return d.pick(kindWords) + " " + strings.Replace(q.sentence, "_", answer, 1)
}

// curt says the answer and nothing else.
func (d dice) curt(q question) string {
	return capital(q.answer) + "."
}

// gruff is right but unfriendly.
func (d dice) gruff(q question) string {
	return d.curt(q) + " " + d.pick(grumbles)
}

// garble shuffles the letters of a sentence.
func (d dice) garble(sentence string) string {
	letters := []byte(sentence)
	d.shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	return strings.TrimSpace(string(letters))
}
