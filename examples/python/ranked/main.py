"""A data format in Python: records of one prompt, its answers and their scores."""

from llmhost_plugin import Candidate, Column, Drop, Formatter, Output, Plugin, Task, param, serve


class Ranked(Formatter):
    name, doc = "ranked", "a prompt, its answers and their scores"

    prompt_prefix = param("", doc="text before every prompt")

    columns = (
        Column("prompt", required=True, doc="what is asked", examples=["2 + 2 = "]),
        Column("answers", "string_list", required=True, doc="answers to it", examples=[["4", "5"]]),
        Column("scores", "float_list", required=True, doc="one number an answer; higher is better", role="score", examples=[[1, 0]]),
    )
    gives = (Output("score", role="score"),)

    def format(self, row):
        answers, scores = row["answers"], row["scores"]
        if len(answers) != len(scores):
            raise ValueError(f"{len(answers)} answers and {len(scores)} scores; want as many of each")
        if len(answers) < 2:
            raise Drop("fewer than two answers")
        prompt = self.prompt_prefix + row["prompt"]
        return [Candidate(prompt, answer, score=score) for answer, score in zip(answers, scores)]


plugin = Plugin(
    "ranked", "1.0.0", "ranked answers in one record", [Ranked],
    [Task("ranked", "align a model with ranked answers", formatter="ranked", loss="builtin:rrhf")],
)

if __name__ == "__main__":
    serve(plugin)
