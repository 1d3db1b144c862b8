"""Chats: what a candidate can be instead of a prompt and an answer."""

import json


def dumps(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


class Message:
    """One turn of a chat: fields are the keys that the chat template sees, in their
    order, of which only role is required. learn says whether the model learns from
    it: True, False, or None for as the run says."""

    def __init__(self, fields, learn=None):
        if not isinstance(fields, dict):
            raise ValueError(f"a message is {fields!r:.40}; want an object with a role")
        if learn not in (None, True, False):
            raise ValueError(f"the learn of a message is {learn!r}; want True, False or None")
        self.fields, self.learn = fields, learn


def message(role, content, *, learn=None, **more):
    """The message of a role: "system", "user", "assistant", "tool", or whatever else
    the chat template knows."""
    return Message({"role": role, "content": content, **more}, learn)


def messages(values):
    """Reads a list of messages, as columns such as "messages" hold it. Their keys stay
    as they are, except for train and weight, which become learn."""
    if not isinstance(values, list):
        raise ValueError(f"the messages are {values!r:.40}; want a list")
    return [read(i, value) for i, value in enumerate(values)]


def read(i, value):
    if not isinstance(value, dict):
        raise ValueError(f"message {i} is {value!r:.40}; want an object with a role")
    said = [value[key] for key in ("train", "weight") if value.get(key) is not None]
    for v in said:
        if v not in (True, False):  # 1 and 0 are equal to them
            raise ValueError(f"message {i} has a train or weight of {v!r:.40}; want true, false, 1 or 0")
    if len(set(said)) > 1:
        raise ValueError(f"message {i} has a train and a weight that contradict each other")
    fields = {key: v for key, v in value.items() if key not in ("train", "weight")}
    return Message(fields, bool(said[0]) if said else None)


class Chat:
    """A candidate that is a conversation, which the host lays out by the model's chat
    template: prompt is given, and answer is what the model would say. A conversation
    to learn from as a whole is an answer, with no prompt. Messages are dicts or what
    message and messages return. tools and documents are lists, args is a dict of
    further variables of the template."""

    def __init__(self, prompt, answer, *, tools=None, documents=None, args=None, **columns):
        self.prompt, self.answer = turns(prompt), turns(answer)
        self.beside = ["" if part is None else dumps(part) for part in (tools, documents, args)]
        self.columns = columns

    def texts(self):
        return [text for _, text in self.prompt + self.answer] + self.beside


def turns(given):
    """Each message as its learn in a frame, and its JSON."""
    all = [m if isinstance(m, Message) else Message(m) for m in given]
    return [({None: 0, True: 1, False: 2}[m.learn], dumps(m.fields)) for m in all]
