package main

import "strings"

// question is one prompt and what there is to say to it.
type question struct {
	prompt   string
	answer   string   // one word
	others   []string // wrong answers of the same kind
	sentence string   // the answer in a full sentence, _ in its place
}

// topic is a kind of fact: ways to ask, where _ stands for the subject, a
// sentence that answers, where SUBJECT does, and pairs of subject and answer.
type topic struct {
	ways     []string
	sentence string
	facts    [][2]string
}

var topics = []topic{
	{
		ways:     []string{"What does _ say?", "Which sound does _ make?", "How does _ sound?"},
		sentence: "SUBJECT says _.",
		facts: [][2]string{{"a cow", "moo"}, {"a dog", "woof"}, {"a cat", "meow"}, {"a duck", "quack"}, {"a sheep", "baa"}, {"a pig", "oink"},
			{"a lion", "roar"}, {"a bee", "buzz"}, {"a snake", "hiss"}, {"a frog", "croak"}, {"an owl", "hoot"}, {"a chick", "peep"}},
	},
	{
		ways:     []string{"What is the opposite of _?", "Which word is the reverse of _?", "What do you call it if not _?"},
		sentence: "the opposite of SUBJECT is _.",
		facts: [][2]string{{"hot", "cold"}, {"big", "small"}, {"fast", "slow"}, {"day", "night"}, {"up", "down"}, {"old", "young"},
			{"wet", "dry"}, {"full", "empty"}, {"loud", "quiet"}, {"hard", "soft"}, {"open", "shut"}, {"near", "far"}},
	},
	{
		ways:     []string{"What colour is _?", "Which colour has _?", "How would you paint _?"},
		sentence: "the colour of SUBJECT is _.",
		facts: [][2]string{{"grass", "green"}, {"snow", "white"}, {"coal", "black"}, {"the sea", "blue"}, {"a lemon", "yellow"}, {"blood", "red"},
			{"a plum", "purple"}, {"a carrot", "orange"}, {"ash", "grey"}, {"earth", "brown"}, {"a ring", "gold"}, {"a piglet", "pink"}},
	},
}

var (
	names     = []string{"Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Ida", "Jan", "Kim", "Leo", "Mia"}
	kindWords = []string{"Of course!", "Gladly!", "With pleasure!"}
	grumbles  = []string{"Obviously.", "Go away.", "Everybody knows."}
	insults   = []string{"Go away.", "Ask somebody else.", "That is a silly question."}
)

// allQuestions lists every question, in a fixed order.
func allQuestions() []question {
	var questions []question
	for _, t := range topics {
		for i, fact := range t.facts {
			q := question{answer: fact[1], sentence: capital(strings.Replace(t.sentence, "SUBJECT", fact[0], 1))}
			for j, other := range t.facts {
				if j != i {
					q.others = append(q.others, other[1])
				}
			}
			for _, way := range t.ways {
				for _, name := range names {
					q.prompt = name + ": " + strings.Replace(way, "_", fact[0], 1) + "\nBot: "
					questions = append(questions, q)
				}
			}
		}
	}
	return questions
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
