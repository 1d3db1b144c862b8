"""A data format of chats in Python: a conversation, its possible answers and their
scores. The plugin ranked_chats in Go gives the same examples."""

from llmhost_plugin import Chat, Column, Drop, Form, Formatter, Output, Plugin, Task, message, messages, param, serve


class RankedChats(Formatter):
    name, doc = "ranked_chats", "a conversation, its possible answers and their scores"

    ranked_chats_system = param("", values=["Be brief."], doc="system message of conversations that begin without one; empty: none")

    columns = (
        Column("messages", "json", required=True, doc="the conversation so far: a list of objects with role and content", examples=[
            [{"role": "user", "content": "What does a dog say?"}],
            [{"role": "system", "content": "You are a cat."}, {"role": "user", "content": "Who are you?"}],
        ]),
        Column("answers", "string_list", required=True, doc="what the assistant might answer", examples=[["Woof.", "Go away."], ["A cat.", "A dog.", "No."]]),
        Column("scores", "float_list", required=True, doc="one number an answer; higher is better", role="score", examples=[[1, 0], [1, 0.5, -1]]),
        Column("tools", "json", doc="a list of the tools that the assistant may call", examples=[[{"type": "function", "function": {"name": "bark"}}]]),
    )
    gives = (Output("score", role="score"),)
    forms = (Form("messages + answers + scores", [("messages", ["role"]), "answers", "scores"], chat=True),)

    def format(self, row):
        prompt, answers, scores = messages(row["messages"]), row["answers"], row["scores"]
        if len(answers) != len(scores):
            raise ValueError(f"{len(answers)} answers and {len(scores)} scores; want as many of each")
        if len(answers) < 2:
            raise Drop("fewer than two answers")
        if not prompt:
            raise Drop("no message to answer")
        if self.ranked_chats_system and prompt[0].fields.get("role") != "system":
            prompt = [message("system", self.ranked_chats_system), *prompt]
        return [Chat(prompt, [message("assistant", answer)], tools=row.get("tools"), score=score) for answer, score in zip(answers, scores)]


plugin = Plugin(
    "ranked_chats", "1.0.0", "conversations with several scored answers", [RankedChats],
    [Task("ranked_chats", "align a chat model with ranked answers", formatter="ranked_chats", loss="builtin:rrhf")],
)

if __name__ == "__main__":
    serve(plugin)
