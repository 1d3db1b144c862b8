package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
)

// How many records each file has, of 144 questions and 162 judgements.
const trainRecords, evalRecords = 112, 32

// record has the fields of all tasks; each task sets its own.
type record struct {
	Prompt   string            `json:"prompt,omitempty"`
	Answer   string            `json:"answer,omitempty"`
	Chosen   string            `json:"chosen,omitempty"`
	Rejected string            `json:"rejected,omitempty"`
	Text     string            `json:"text,omitempty"`
	Label    any               `json:"label,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Texts    []string          `json:"texts,omitempty"`
	Scores   []float64         `json:"scores,omitempty"`
	Score    *float64          `json:"score,omitempty"`
	Reward   *float64          `json:"reward,omitempty"`
}

// tasks are the folders, each with how its record i is made from a question or from
// a judgement.
var tasks = []struct {
	name  string
	ask   func(d dice, i int, q question) record
	judge func(i int, j judgement) record
}{
	{name: "sft", ask: tune},
	{name: "rejection_sampling", ask: ranked},
	{name: "weighted_learning", ask: weighed},
	{name: "rrhf", ask: ranked},
	{name: "dpo", ask: pair},
	{name: "kto", ask: labelled},
	{name: "orpo", ask: pair},
	{name: "simpo", ask: ranked},
	{name: "cpo", ask: ranked},
	{name: "offline_ppo", ask: rewarded},
	{name: "distill", ask: tune},
	{name: "reward", ask: whole},
	{name: "classification", judge: tone},
	{name: "multi_objective_classification", judge: toneAndTopic},
}

// files returns the data files by name, the same at every call.
func files() map[string][]byte {
	all := map[string][]byte{}
	for number, task := range tasks {
		split := dice{rand.NewPCG(2024, 4)} // the same split for all
		asked := questions(split)
		judged := judgements(split)
		d := dice{rand.NewPCG(2024, uint64(100+number))}
		first := 0
		for _, part := range []struct {
			name  string
			count int
		}{{"eval", evalRecords}, {"train", trainRecords}} {
			var records []record
			for i := first; i < first+part.count; i++ {
				if task.ask != nil {
					records = append(records, task.ask(d, i, asked[i]))
				} else {
					records = append(records, task.judge(i, judged[i]))
				}
			}
			all[task.name+"/"+part.name+".jsonl"] = lines(records)
			first += part.count
		}
	}
	return all
}

func lines(records []record) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, r := range records {
		if err := e.Encode(r); err != nil {
			panic(err) // strings and finite numbers always encode
		}
	}
	return b.Bytes()
}

// tune answers as people do: kindly, curtly, or not at all.
func tune(d dice, _ int, q question) record {
	all := replies(d, q)
	return record{Prompt: q.prompt, Answer: []reply{all[0], all[1], all[3]}[d.roll(3)].text}
}

// pair sets the best reply against one of the others.
func pair(d dice, _ int, q question) record {
	all := replies(d, q)
	return record{
		Prompt:   q.prompt,
		Chosen:   all[0].text,
		Rejected: all[1+d.roll(3)].text,
	}
}

// ranked gives all replies with their scores, cut by a mark.
func ranked(d dice, _ int, q question) record {
	return scored(d, q.prompt+"<sep>", replies(d, q))
}

// whole gives three replies, or two, as the texts that they end.
func whole(d dice, i int, q question) record {
	all := replies(d, q)
	without := 1 + d.roll(3)
	all = append(all[:without], all[without+1:]...)
	if i%3 == 0 {
		all = all[:2]
	}
	return scored(d, q.prompt, all)
}

func scored(d dice, prompt string, all []reply) (r record) {
	d.shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, reply := range all {
		r.Texts, r.Scores = append(r.Texts, prompt+reply.text), append(r.Scores, reply.score)
	}
	return r
}

// graded is what a person thinks of one of the replies of tune, from -1 to 1.
func graded(d dice, i int, q question) (text string, grade float64) {
	all := replies(d, q)
	switch i % 4 {
	case 0:
		return all[0].text, 1
	case 2:
		return all[1].text, 0.5
	}
	return all[3].text, -1
}

func labelled(d dice, i int, q question) record {
	text, grade := graded(d, i, q)
	return record{Prompt: q.prompt, Answer: text, Label: grade > 0}
}

func weighed(d dice, i int, q question) record {
	text, grade := graded(d, i, q)
	return record{Prompt: q.prompt, Answer: text, Score: &grade}
}

// rewarded leaves the reward out of answers that are to be learned.
func rewarded(d dice, i int, q question) record {
	if i%3 == 0 {
		return record{Prompt: q.prompt, Answer: replies(d, q)[0].text}
	}
	text, grade := graded(d, i, q)
	return record{Prompt: q.prompt, Answer: text, Reward: &grade}
}

func tone(_ int, j judgement) record { return record{Text: j.text, Label: j.tone} }

// toneAndTopic leaves one of the two out in a quarter of the records.
func toneAndTopic(i int, j judgement) record {
	labels := map[string]string{"tone": j.tone, "topic": j.topic}
	switch i % 8 {
	case 3:
		delete(labels, "tone")
	case 7:
		delete(labels, "topic")
	}
	return record{Text: j.text, Labels: labels}
}

// dice draws from a generator whose numbers never change, by means that are spelt
// out here.
type dice struct{ source *rand.PCG }

// roll returns one of 0 to n-1.
func (d dice) roll(n int) int { return int(d.source.Uint64() % uint64(n)) }

func (d dice) pick(from ...string) string { return from[d.roll(len(from))] }

func (d dice) shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, d.roll(i+1))
	}
}
