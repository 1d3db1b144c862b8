package config

import (
	"encoding/json"
	"slices"
	"time"
)

// dateLayout is how chat_template_date is written.
const dateLayout = "2006-01-02"

// checkChats checks the settings of conversations.
func (l *loader) checkChats(s *Settings) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s.ChatTemplateKwargs), &object); s.ChatTemplateKwargs != "" && (err != nil || object == nil) {
		l.refuse("chat_template_kwargs", "is %q; want a JSON object, as in '{\"enable_thinking\": false}'", s.ChatTemplateKwargs)
	}
	if _, err := time.Parse(dateLayout, s.ChatTemplateDate); s.ChatTemplateDate != "" && err != nil {
		l.refuse("chat_template_date", "is %q; want a day, as in \"2026-12-01\"", s.ChatTemplateDate)
	}
	word := slices.Contains(s.TrainOn, "all") || slices.Contains(s.TrainOn, "last")
	switch {
	case len(s.TrainOn) == 0:
		l.refuse("train_on", "names nobody; want all, last, or roles, as in [\"assistant\"]")
	case word && len(s.TrainOn) > 1:
		l.refuse("train_on", "has all or last beside other words; want one of them alone, or roles")
	case s.TrainOn[0] != "all" && s.AssistantOnlyLoss == Off:
		l.refuse("train_on", "chooses turns, and assistant_only_loss is false, which trains on all that is not the prompt; remove one of them")
	}
}

// Day is the day that chat templates take for today; the zero value where the
// setting is empty.
func (s ChatSettings) Day() time.Time {
	day, _ := time.Parse(dateLayout, s.ChatTemplateDate) // Load has checked it
	return day
}

// TrainsOnLast tells whether the assistant's last turn alone is trained on.
func (s ChatSettings) TrainsOnLast() bool { return slices.Contains(s.TrainOn, "last") }

// TrainsOnRoles are the roles whose turns are trained on; nil where the setting names none.
func (s ChatSettings) TrainsOnRoles() []string {
	if slices.Contains(s.TrainOn, "all") || s.TrainsOnLast() {
		return nil
	}
	return s.TrainOn
}
