package rankedchats_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/plugins/ranked_chats/rankedchats"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

const (
	dog = `{"messages": [{"role": "user", "content": "What does a dog say?", "train": false}], "answers": ["Woof.", "Go away."], "scores": [1, 0]}`
	cat = `{"messages": [{"role": "system", "content": "You are a cat."}, {"role": "user", "content": "Hi"}], "answers": ["Meow.", "No.", "Hi"], "scores": [2, -1, 0], "tools": [{"type": "function"}]}`
)

func TestRankedChats(t *testing.T) {
	sdktest.CheckFormatter(t, rankedchats.Formatter{System: "Be brief."}, dog, cat)
	results, err := sdktest.Format(rankedchats.Formatter{System: "Be brief."}, dog, cat)
	require.NoError(t, err)
	require.Equal(t, sdk.Candidate{
		Chat: &sdk.Chat{
			Prompt: []sdk.Message{
				{JSON: `{"role": "system", "content": "Be brief."}`},
				{JSON: `{"role": "user", "content": "What does a dog say?"}`, Learn: sdk.LearnNo},
			},
			Answer: []sdk.Message{{JSON: `{"role": "assistant", "content": "Go away."}`}},
		},
		Columns: map[string]float64{"score": 0},
	}, results[0].Example.Candidates[1])
	require.Len(t, results[1].Example.Candidates, 3)
	require.Equal(t, "You are a cat.", results[1].Example.Candidates[2].Chat.Prompt[0].Content())
	require.Equal(t, `[{"type": "function"}]`, results[1].Example.Candidates[0].Chat.Tools)
}

func TestRecordsThatAreNoRankedChats(t *testing.T) {
	results, err := sdktest.Format(rankedchats.Formatter{},
		`{"messages": [], "answers": ["a", "b"], "scores": [1, 0]}`,
		`{"messages": [], "answers": ["a"], "scores": [1]}`,
		`{"messages": [], "answers": ["a", "b"], "scores": [1]}`,
		`{"messages": [{"from": "human"}], "answers": ["a", "b"], "scores": [1, 0]}`)
	require.NoError(t, err)
	require.Equal(t, []sdk.Result{
		{Dropped: "no message to answer"},
		{Dropped: "fewer than two answers"},
		{Err: "2 answers and 1 scores; want as many of each"},
		{Err: `message 0 has no "role"; want one, such as "user"`},
	}, results)
}
