//! Every operation, input, type of parameter and field that the helper has; the
//! test beside it holds it to the same plugin in Go.

use llmhost_plugin::*;

macro_rules! parameters {
    ($name:ident) => {
        params! {
            pub struct $name {
                /// a share
                ratio: f64 = 0.5, min = 0.0, max = 1.0;
                /// a number
                steps: i64 = 3, min = 1;
                /// a flag
                flag: bool = true;
                /// a choice
                mode: String = "a", choices = ["a", "b"];
                /// a text
                note: String = "x", values = ["y", "z"], aliases = ["remark"];
            }
        }
    };
}

parameters!(EveryLoss);
parameters!(EveryFormatter);

struct Total<'g>(Tensor<'g>);

impl<'g> Total<'g> {
    fn keep(&mut self, x: Tensor<'g>) {
        self.0 = self.0 + x.to_f32().sum(ALL);
    }

    fn all<const N: usize>(&mut self, list: [fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>; N], q: Tensor<'g>, c: Tensor<'g>) {
        list.into_iter().for_each(|f| self.keep(f(q, c)));
    }
}

impl Loss for EveryLoss {
    fn trace<'g>(&self, g: &'g Graph) -> Objective<'g> {
        let (p, real, c) = (g.logps(), g.real(), g.column("score").role(Role::Score).values(&[1.0, 0.1, -1.0]));
        let q = p.sum(-1);
        let mut t = Total(q.sum(ALL));
        [g.ref_logps(), g.rewards(), g.reverse_kl(), g.forward_kl(), g.vocab_mean_logps()].into_iter().for_each(|x| t.keep(x));
        [g.mismatched_logps(), g.mismatched_ref_logps(), g.state("level")].into_iter().for_each(|x| t.keep(x));
        t.keep(g.label_mask());
        t.keep(g.example_column("weight").role(Role::Weight).values(&[1.0, 0.5]).range(0.0, 2.0));
        t.all([|q, c| q + c, |q, c| q - c, |q, c| q * c, |q, c| q / c, |q, c| q.pow(c)], q, c);
        t.all([|q, c| q.minimum(c), |q, c| q.maximum(c)], q, c);
        t.keep(q + self.ratio);
        t.keep(q - 2);
        t.keep(q * self.steps as f64);
        t.all([|q, _| q / 4.0, |q, _| q.pow(0.5), |q, _| -q, |q, _| q.abs(), |q, _| q.exp(), |q, _| q.log()], q, c);
        t.all([|q, _| q.expm1(), |q, _| q.log1p()], q, c);
        t.all([|q, _| q.sqrt(), |q, _| q.square(), |q, _| q.relu(), |q, _| q.sigmoid(), |q, _| q.logsigmoid()], q, c);
        t.all([|q, _| q.clamp_min(-1), |q, _| q.clamp_max(1.0)], q, c);
        t.all([|q, c| q.eq(c), |q, c| q.ne(c), |q, c| q.lt(c), |q, c| q.le(c), |q, c| q.gt(c), |q, c| q.ge(c)], q, c);
        t.all([|q, _| q.eq(0), |q, _| q.ne(0), |q, _| q.lt(0), |q, _| q.le(0), |q, _| q.gt(0), |q, _| q.ge(0)], q, c);
        t.all([|q, _| q.mean(-1), |q, _| q.amax(0), |q, _| q.amin(1), |_, r| r.any(-1), |_, r| r.all(-1), |q, _| q.mean(ALL)], q, real);
        t.all([|q, _| q.logsumexp(-1), |q, _| q.cumsum(1), |q, _| q.argmin(-1)], q, c);
        t.all([|q, _| q.unsqueeze(0).squeeze(0), |q, _| q.expand(&["2", "B", "K"]), |q, _| q.gather(1, q.argmax(-1).unsqueeze(1))], q, c);
        t.keep(g.logits("topic").index_select(0, g.label("topic")));
        t.keep(q.where_(real, c));
        t.keep(q.where_(real, 0));
        t.keep(q.masked_fill(real, f64::NEG_INFINITY));
        if self.flag {
            t.keep(real & (real | !real));
        }
        if self.mode == "b" {
            t.keep(q.to_i64());
        }
        t.all([|q, _| q.to_bool(), |q, _| q.detach(), |q, _| q.zeros_like(), |q, _| q.ones_like()], q, c);
        let (n, mean) = (g.count("B"), q.sum(ALL));
        let step = mean.global_mean(n);
        let level = g.state("level") * self.ratio + step;
        Objective::new()
            .term("every", t.0, n, 0.5).term("plain", mean, None, 1.0)
            .metric("mean", mean, n).exp_metric("exp", mean, n)
            .state("level", self.ratio, level).state("last", -0.1, step)
            .allow("detach", "a \"constant\" é").allow("twice", &format!("steps are {}", self.steps))
    }
}

params! {
    pub struct EveryPooling {}
}

impl Pooling for EveryPooling {
    fn trace<'g>(&self, g: &'g Graph) -> Tensor<'g> {
        let (states, row) = (g.hidden().index_select(0, g.token()), g.sequence());
        let sum = states.segment_sum(row, "N");
        let both = sum + states.segment_max(row, "N");
        let ends = g.ids().eq(g.eos()).to_f32().segment_sum(row, "N");
        let count = row.segment_count("N") + ends;
        both / count.unsqueeze(1)
    }

    fn pools_last_token(&self) -> bool {
        true
    }

    fn allow(&self) -> Vec<(String, String)> {
        vec![("empty".into(), "none is".into())]
    }
}

impl Formatter for EveryFormatter {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::required("a", ColumnType::String, "a text").example(r#""hello""#).example(r#""a \"b\"\n""#),
            Column::optional("b", ColumnType::Float, "a number").role(Role::Reward).example("0.1").example("null"),
            Column::optional("c", ColumnType::Bool, "a flag"),
            Column::optional("d", ColumnType::Int, "a whole number"),
            Column::required("e", ColumnType::StringList, "texts"),
            Column::optional("f", ColumnType::FloatList, "numbers").role(Role::Score).example("[1, 2.5]"),
            Column::optional("g", ColumnType::Json, "anything"),
        ]
    }

    fn gives(&self) -> Option<Vec<Output>> {
        Some(vec![
            Output::column("score").role(Role::Score).padding(-self.steps as f64),
            Output::column("json"),
            Output::example_column("weight").role(Role::Weight),
            Output::label("topic"),
            Output::label("weight"),
        ])
    }

    fn allow(&self) -> Vec<(String, String)> {
        vec![("lost".into(), "a text is".into())]
    }

    fn format(&self, r: &Row, o: &mut Out) -> Result<(), Bad> {
        match r.str(0) {
            "drop" => return o.drop("asked to"),
            "fail" => return Err("asked to".into()),
            _ => {}
        }
        let json = if r.has(6) { Json::parse(r.json(6))? } else { Json::Null };
        for (i, answer) in r.strs(4).iter().enumerate() {
            let list: String = json.get("list").items().iter().map(|x| x.text().to_string() + "/").collect();
            let c = o.candidate(format!("{}{}", r.str(0), self.mode), answer.to_string() + &list);
            c.set("score", r.float(1) + f64::from(r.bool(2)) + r.int(3) as f64 + r.floats(5).get(i).unwrap_or(&0.0));
            c.set("json", json.get("list").number());
        }
        if r.has(1) {
            o.label("topic", r.strs(4)[2]);
            o.label("weight", "");
            o.label("weight", &self.mode);
        }
        o.set("weight", if r.has(1) { self.ratio } else { json.get("n").number() });
        Ok(())
    }
}

params! {
    pub struct EveryChats {}
}

impl Formatter for EveryChats {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::required("messages", ColumnType::Json, "a chat"),
            Column::optional("answers", ColumnType::StringList, "what may come next"),
            Column::optional("tools", ColumnType::Json, "what may be called"),
            Column::optional("name", ColumnType::String, "who answers"),
        ]
    }

    fn format(&self, r: &Row, o: &mut Out) -> Result<(), Bad> {
        let given = messages(r.json(0))?;
        let count = given.len();
        if r.str(3) == "mixed" {
            o.candidate("prompt", "answer");
        }
        if !r.has(1) {
            o.chat(Chat { answer: given.clone(), documents: r#"[{"text": "é"}]"#.into(), ..Chat::default() });
        }
        for (i, text) in r.strs(1).iter().enumerate() {
            let mut answer = Message::new("assistant", text).learn([Learn::Yes, Learn::No, Learn::Default][i.min(2)]);
            if r.has(3) {
                answer = answer.with("name", &quote(r.str(3)));
            }
            let args = r#"{"enable_thinking": false}"#.into();
            let chat = Chat { prompt: given.clone(), answer: vec![answer], tools: r.json(2).into(), args, ..Chat::default() };
            o.chat(chat).set("score", -(i as f64));
        }
        if count > 1 {
            o.label("topic", "several");
        }
        o.set("weight", count as f64);
        Ok(())
    }
}

fn plugin() -> Plugin {
    Plugin::new("every", "1.2.3", "all there is")
        .loss::<EveryLoss>("every", "a loss")
        .pooling::<EveryPooling>("every", "a pooling")
        .formatter::<EveryFormatter>("every", "a formatter")
        .formatter::<EveryChats>("chats", "a formatter of chats")
        .task(
            Task::new("every", "a task").head(CLASS_HEAD).formatter("every").pooling("every").loss("every")
                .default("flag", false).default("mode", "b").default("ratio", 0.25).alias("all").alias("each"),
        )
}

export!(plugin);
