// Chats: what a candidate can be instead of a prompt and an answer.

import { elements, Fields, Json, quote } from "./json";
import { decimal } from "./number";

/** Whether the model learns from a message: as the run says, or so. */
export enum Learn {
  Default,
  Yes,
  No,
}

/** One turn of a chat. */
export class Message {
  /** json is one JSON object. Its keys keep their order up to the chat template, and
   *  only "role" is required. learn is what "train" or "weight" say in a record; it is
   *  no key of json. */
  constructor(
    public json: string,
    public learn: Learn = Learn.Default,
  ) {}

  /** The message of a role: "system", "user", "assistant", "tool", or whatever else the
   *  chat template knows. */
  static of(role: string, content: string): Message {
    return new Message('{"role": ' + quote(role) + ', "content": ' + quote(content) + "}");
  }

  /** The message with one key more, the last one. The value is JSON, such as what quote
   *  makes of a text. */
  with(key: string, value: string): Message {
    const object = this.json.substring(0, <i32>Math.max(0, this.json.lastIndexOf("}"))).trimEnd();
    const comma = object.endsWith("{") ? "" : ", ";
    return new Message(object + comma + quote(key) + ": " + value + "}", this.learn);
  }

  /** The value of a key, a null where there is none. */
  get(key: string): Json {
    return Json.parse(this.json).get(key);
  }
}

/** The messages of a JSON array, as columns such as "messages" hold it. Their keys stay as
 *  they are, except for "train" and "weight", which become learn. wrong says why there
 *  are none, "" otherwise: if (m.wrong != "") return o.fail(m.wrong). */
export class Messages {
  all: Message[] = [];
  wrong: string = "";

  constructor(array: string) {
    const texts = elements(array);
    if (texts) {
      for (let i = 0; i < texts.length && this.wrong == ""; i++) this.read(i, texts[i]);
    } else {
      this.wrong = "the messages are no JSON array";
    }
  }

  private read(i: i32, text: string): void {
    const f = new Fields(text);
    if (f.broken) {
      this.wrong = "message " + i.toString() + " is no JSON object";
      return;
    }
    let learn = Learn.Default, said = false;
    const left: string[] = [];
    for (let k = 0; k < f.keys.length; k++) {
      if (f.keys[k] != "train" && f.keys[k] != "weight") {
        left.push(quote(f.keys[k]) + ": " + f.values[k]);
        continue;
      }
      const own = learnOf(f.values[k]);
      if (own < 0) this.wrong = "message " + i.toString() + " has the " + f.keys[k] + " " + f.values[k] + "; want true, false, 1 or 0";
      if (own > 0 && learn != Learn.Default && own != learn) this.wrong = "message " + i.toString() + ' has a "train" and a "weight" that contradict each other';
      if (own > 0) learn = own;
      said = true;
    }
    this.all.push(new Message(said ? "{" + left.join(", ") + "}" : text, learn));
  }
}

/** What "train" or "weight" says, or -1. */
function learnOf(value: string): i32 {
  if (value == "null") return Learn.Default;
  if (value == "true") return Learn.Yes;
  if (value == "false") return Learn.No;
  const v = decimal(value);
  return v == 1 ? Learn.Yes : v == 0 ? Learn.No : -1;
}

/** A conversation, which the host lays out by the model's chat template: prompt is given,
 *  and answer is what the model would say. A conversation to learn from as a whole
 *  stands in answer, and has no prompt. */
export class Chat {
  tools: string = ""; // a JSON array; "" for none
  documents: string = ""; // a JSON array; "" for none
  args: string = ""; // a JSON object of further variables of the template; "" for none

  constructor(
    public prompt: Message[],
    public answer: Message[],
  ) {}

  /** Whether two chats differ in their answers only. */
  sharesPrompt(other: Chat): bool {
    if (this.tools != other.tools || this.documents != other.documents || this.args != other.args || this.prompt.length != other.prompt.length) return false;
    for (let i = 0; i < this.prompt.length; i++) {
      if (this.prompt[i].json != other.prompt[i].json || this.prompt[i].learn != other.prompt[i].learn) return false;
    }
    return true;
  }
}
