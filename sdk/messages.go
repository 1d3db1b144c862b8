package sdk

import (
	"errors"
	"strconv"
)

// Messages reads a JSON array of messages, as columns such as "messages" hold it:
// objects with at least a "role". Their keys stay as they are and in their order,
// except for "train" and "weight", which become Learn: true or 1 is LearnYes, false
// or 0 is LearnNo, and null is LearnDefault.
func Messages(array string) ([]Message, error) {
	elements, err := JSONElements(array)
	if err != nil {
		return nil, errors.New("the messages are " + err.Error())
	}
	if len(elements) > maxMessages {
		return nil, errors.New("there are " + strconv.Itoa(len(elements)) + " messages; at most " + strconv.Itoa(maxMessages) + " are allowed")
	}
	messages := make([]Message, len(elements))
	for i, element := range elements {
		if messages[i], err = ParseMessage(element); err != nil {
			return nil, errors.New("message " + strconv.Itoa(i) + err.Error())
		}
	}
	return messages, nil
}

// messageError is what is wrong with a message, to be read after its name.
type messageError string

func (e messageError) Error() string { return string(e) }

// ParseMessage reads one message as Messages does. Its errors are to be read
// after a name, as in "message 3" and ` has no "role"; …`.
func ParseMessage(object string) (Message, error) {
	fields, fault := messageFields(object)
	if fault != "" {
		return Message{}, messageError(fault)
	}
	m := Message{JSON: object}
	said := false // whether the record says what to learn
	for _, f := range fields {
		if f.Key != "train" && f.Key != "weight" {
			continue
		}
		learn, known := learnOf(f.Value)
		if !known {
			return Message{}, messageError(" has the " + f.Key + " " + shortened(f.Value) + "; want true, false, 1 or 0")
		}
		if m.Learn != LearnDefault && learn != LearnDefault && m.Learn != learn {
			return Message{}, messageError(` has a "train" and a "weight" that contradict each other`)
		}
		m.Learn, said = max(m.Learn, learn), true
	}
	if said {
		m.JSON = withoutLearn(fields)
	}
	return m, nil
}

// withoutLearn writes a message again without what became its Learn.
func withoutLearn(fields []Field) string {
	b := []byte{'{'}
	for _, f := range fields {
		if f.Key == "train" || f.Key == "weight" {
			continue
		}
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		b = append(append(appendQuoted(b, f.Key), ": "...), f.Value...)
	}
	return string(append(b, '}'))
}

// learnOf reads the value of "train" or "weight".
func learnOf(value string) (learn Learn, known bool) {
	switch value {
	case "null":
		return LearnDefault, true
	case "true":
		return LearnYes, true
	case "false":
		return LearnNo, true
	}
	switch v, err := strconv.ParseFloat(value, 64); {
	case err != nil:
		return LearnDefault, false
	case v == 1:
		return LearnYes, true
	case v == 0:
		return LearnNo, true
	}
	return LearnDefault, false
}
