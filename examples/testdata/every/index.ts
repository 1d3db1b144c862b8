// Every operation, input, type of parameter and field that the helper has; the
// test beside it holds it to the same plugin in Go.

import { Chat, CLASS_HEAD, Column, ColumnType, Component, flag, float, Formatter, Graph, int, Json, Learn, Loss, Message, Messages, Objective, Out, Output, Param, Plugin, Pooling, quote, register, REWARD_ROLE, Row, SCORE_ROLE, Task, Tensor, text, WEIGHT_ROLE } from "./llmhost";

class Total {
  constructor(public sum: Tensor) {}

  keep(x: Tensor): void {
    this.sum = this.sum + x.toF32().sum();
  }
}

class EveryLoss extends Loss {
  ratio: Param = float("ratio", 0.5, "a share").min(0).max(1);
  steps: Param = int("steps", 3, "a number").min(1);
  flag: Param = flag("flag", true, "a flag");
  mode: Param = text("mode", "a", "a choice").oneOf(["a", "b"]);
  note: Param = text("note", "x", "a text").values(["y", "z"]).aliases(["remark"]);

  trace(g: Graph): Objective {
    const p = g.logps(), real = g.real(), c = g.column("score").role(SCORE_ROLE).values([1, 0.1, -1]);
    const q = p.sum(-1);
    const t = new Total(q.sum());
    t.keep(g.refLogps()); t.keep(g.rewards()); t.keep(g.reverseKL()); t.keep(g.forwardKL()); t.keep(g.vocabMeanLogps());
    t.keep(g.mismatchedLogps()); t.keep(g.mismatchedRefLogps()); t.keep(g.state("level"));
    t.keep(g.labelMask()); t.keep(g.exampleColumn("weight").role(WEIGHT_ROLE).values([1, 0.5]).range(0, 2));
    t.keep(q + c); t.keep(q - c); t.keep(q * c); t.keep(q / c); t.keep(q.powTensor(c));
    t.keep(q.minimum(c)); t.keep(q.maximum(c));
    t.keep(q.addScalar(this.ratio.number)); t.keep(q.subScalar(2)); t.keep(q.mulScalar(this.steps.number)); t.keep(q.divScalar(4)); t.keep(q.pow(0.5));
    t.keep(-q); t.keep(q.abs()); t.keep(q.exp()); t.keep(q.log()); t.keep(q.expm1()); t.keep(q.log1p()); t.keep(q.sqrt()); t.keep(q.square());
    t.keep(q.relu()); t.keep(q.sigmoid()); t.keep(q.logsigmoid()); t.keep(q.clampMin(-1)); t.keep(q.clampMax(1));
    t.keep(q.eq(c)); t.keep(q.ne(c)); t.keep(q < c); t.keep(q <= c); t.keep(q > c); t.keep(q >= c);
    t.keep(q.eqScalar(0)); t.keep(q.neScalar(0)); t.keep(q.ltScalar(0)); t.keep(q.leScalar(0)); t.keep(q.gtScalar(0)); t.keep(q.geScalar(0));
    t.keep(q.mean(-1)); t.keep(q.amax(0)); t.keep(q.amin(1)); t.keep(real.any(-1)); t.keep(real.all(-1)); t.keep(q.mean());
    t.keep(q.logsumexp(-1)); t.keep(q.cumsum(1)); t.keep(q.argmin(-1));
    t.keep(q.unsqueeze(0).squeeze(0)); t.keep(q.expand(["2", "B", "K"])); t.keep(q.gather(1, q.argmax(-1).unsqueeze(1)));
    t.keep(g.logits("topic").indexSelect(0, g.label("topic")));
    t.keep(q.whereTensor(real, c)); t.keep(q.where(real, 0)); t.keep(q.maskedFill(real, -Infinity));
    if (this.flag.flag) t.keep(real & (real | ~real));
    if (this.mode.text == "b") t.keep(q.toI64());
    t.keep(q.toBool()); t.keep(q.detach()); t.keep(q.zerosLike()); t.keep(q.onesLike());
    const n = g.count("B"), mean = q.sum(), step = mean.globalMean(n);
    const level = g.state("level").mulScalar(this.ratio.number) + step;
    return new Objective()
      .term("every", t.sum, n, 0.5).term("plain", mean, null, 1)
      .metric("mean", mean, n).metric("exp", mean, n, true)
      .state("level", this.ratio.number, level).state("last", -0.1, step)
      .allow("detach", 'a "constant" é').allow("twice", "steps are " + (<i32>this.steps.number).toString());
  }
}

class EveryPooling extends Pooling {
  trace(g: Graph): Tensor {
    const states = g.hidden().indexSelect(0, g.token()), row = g.sequence();
    const sum = states.segmentSum(row, "N");
    const both = sum + states.segmentMax(row, "N");
    const ends = g.ids().eq(g.eos()).toF32().segmentSum(row, "N");
    const count = row.segmentCount("N") + ends;
    return both / count.unsqueeze(1);
  }

  poolsLastToken(): bool {
    return true;
  }

  allow(): Map<string, string> {
    return new Map<string, string>().set("empty", "none is");
  }
}

class EveryFormatter extends Formatter {
  ratio: Param = float("ratio", 0.5, "a share").min(0).max(1);
  steps: Param = int("steps", 3, "a number").min(1);
  flag: Param = flag("flag", true, "a flag");
  mode: Param = text("mode", "a", "a choice").oneOf(["a", "b"]);
  note: Param = text("note", "x", "a text").values(["y", "z"]).aliases(["remark"]);

  columns(): Column[] {
    return [
      new Column("a", ColumnType.String, true, "a text").example('"hello"').example('"a \\"b\\"\\n"'),
      new Column("b", ColumnType.Float, false, "a number").role(REWARD_ROLE).example("0.1").example("null"),
      new Column("c", ColumnType.Bool, false, "a flag"),
      new Column("d", ColumnType.Int, false, "a whole number"),
      new Column("e", ColumnType.StringList, true, "texts"),
      new Column("f", ColumnType.FloatList, false, "numbers").role(SCORE_ROLE).example("[1, 2.5]"),
      new Column("g", ColumnType.JSON, false, "anything"),
    ];
  }

  gives(): Output[] | null {
    return [
      Output.column("score", SCORE_ROLE, -this.steps.number),
      Output.column("json"),
      Output.exampleColumn("weight", WEIGHT_ROLE),
      Output.label("topic"),
      Output.label("weight"),
    ];
  }

  allow(): Map<string, string> {
    return new Map<string, string>().set("lost", "a text is");
  }

  format(r: Row, o: Out): void {
    if (r.str(0) == "drop") return o.drop("asked to");
    if (r.str(0) == "fail") return o.fail("asked to");
    const json = Json.parse(r.json(6)), answers = r.strs(4), numbers = r.floats(5);
    const list = json.get("list");
    for (let i = 0; i < answers.length; i++) {
      let answer = answers[i];
      for (let j = 0; j < list.items.length; j++) answer += list.items[j].text + "/";
      const c = o.candidate(r.str(0) + this.mode.text, answer);
      c.set("score", r.float(1) + (r.bool(2) ? 1 : 0) + <f64>r.int(3) + (i < numbers.length ? numbers[i] : 0));
      c.set("json", list.number);
    }
    if (r.has(1)) {
      o.label("topic", answers[2]);
      o.label("weight", "");
      o.label("weight", this.mode.text);
    }
    o.set("weight", r.has(1) ? this.ratio.number : json.get("n").number);
  }
}

class EveryChats extends Formatter {
  columns(): Column[] {
    return [
      new Column("messages", ColumnType.JSON, true, "a chat"),
      new Column("answers", ColumnType.StringList, false, "what may come next"),
      new Column("tools", ColumnType.JSON, false, "what may be called"),
      new Column("name", ColumnType.String, false, "who answers"),
    ];
  }

  format(r: Row, o: Out): void {
    const given = new Messages(r.json(0)), answers = r.strs(1);
    if (given.wrong != "") return o.fail(given.wrong);
    if (r.str(3) == "mixed") o.candidate("prompt", "answer");
    if (!r.has(1)) {
      const whole = new Chat([], given.all);
      whole.documents = '[{"text": "é"}]';
      o.chat(whole);
    }
    for (let i = 0; i < answers.length; i++) {
      let answer = Message.of("assistant", answers[i]);
      if (r.has(3)) answer = answer.with("name", quote(r.str(3)));
      answer.learn = i == 0 ? Learn.Yes : i == 1 ? Learn.No : Learn.Default;
      const chat = new Chat(given.all, [answer]);
      chat.tools = r.json(2);
      chat.args = '{"enable_thinking": false}';
      o.chat(chat).set("score", -<f64>i);
    }
    if (given.all.length > 1) o.label("topic", "several");
    o.set("weight", given.all.length);
  }
}

register(new Plugin("every", "1.2.3", "all there is", [
  new Component("loss", "every", "a loss", () => new EveryLoss()),
  new Component("pooling", "every", "a pooling", () => new EveryPooling()),
  new Component("formatter", "every", "a formatter", () => new EveryFormatter()),
  new Component("formatter", "chats", "a formatter of chats", () => new EveryChats()),
], [new Task("every", "a task", "every", "every", "every", CLASS_HEAD).defaultFlag("flag", false).defaultText("mode", "b").defaultNumber("ratio", 0.25).alias("all").alias("each")]));

export * from "./llmhost/exports";
