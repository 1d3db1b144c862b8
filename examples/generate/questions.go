package main

import "strings"

// question asks for an animal's sound.
type question struct {
	prompt string
	animal string
	sound  string
	wrong  string // the sound of another animal
}

var (
	sounds = [][2]string{{"cow", "moo"}, {"dog", "woof"}, {"cat", "meow"}, {"duck", "quack"}, {"sheep", "baa"}, {"pig", "oink"}}
	ways   = []string{"What does a _ say?", "Which sound has a _?", "How does a _ go?"}
	names  = []string{"Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Ida"}
)

// questions lists all of them, in the random order that every file follows.
func questions(d dice) (all []question) {
	for _, s := range sounds {
		for _, way := range ways {
			for _, name := range names {
				other := s
				for other == s {
					other = sounds[d.roll(len(sounds))]
				}
				prompt := name + ": " + strings.Replace(way, "_", s[0], 1) + "\nBot: "
				all = append(all, question{
					prompt: prompt,
					animal: s[0],
					sound:  s[1],
					wrong:  other[1],
				})
			}
		}
	}
	d.shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// reply is an answer to a question, and its score.
type reply struct {
	text  string
	score float64
}

// replies returns the answers to q, from best to worst.
func replies(d dice, q question) []reply {
	kind := d.pick("Gladly!", "Of course!")
	rude := d.pick("Go away.", "Who cares?")
	return []reply{
		{kind + " A " + q.animal + " says " + q.sound + ".", 1},
		{strings.ToUpper(q.sound[:1]) + q.sound[1:] + ".", 0.6},
		{kind + " A " + q.animal + " says " + q.wrong + ".", 0.3},
		{rude, 0},
	}
}

// judgement is a sentence about a thing.
type judgement struct{ text, topic, tone string }

var (
	things = []struct {
		topic string
		words []string
	}{
		{"food", []string{"soup", "bread", "cake"}},
		{"weather", []string{"rain", "wind", "snow"}},
		{"travel", []string{"train", "ferry", "bus"}},
	}
	tones = []struct {
		tone  string
		words []string
	}{
		{"good", []string{"lovely", "splendid", "pleasant"}},
		{"bad", []string{"awful", "dreadful", "horrid"}},
		{"plain", []string{"usual", "ordinary", "normal"}},
	}
	forms = []string{"The THING was TONE.", "We found the THING TONE."}
)

// judgements lists all of them in a random order.
func judgements(d dice) (all []judgement) {
	for _, thing := range things {
		for _, t := range thing.words {
			for _, tone := range tones {
				for _, w := range tone.words {
					for _, form := range forms {
						text := strings.NewReplacer("THING", t, "TONE", w).Replace(form)
						all = append(all, judgement{strings.ToUpper(text[:1]) + text[1:], thing.topic, tone.tone})
					}
				}
			}
		}
	}
	d.shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
