//! Answers the calls of a host with bytes.

use std::collections::BTreeMap;

use crate::declare;
use crate::graph::Graph;
use crate::json;
use crate::param::{Value, Values};
use crate::plugin::{Part, Plugin};
use crate::rows;

/// The calls of the contract. Each reply is a frame: a status byte, then the
/// payload. Tests of a plugin can ask it as a host would:
///
/// ```
/// # llmhost_plugin::params! { pub struct Nll {} }
/// # impl llmhost_plugin::Loss for Nll {
/// #     fn trace<'g>(&self, g: &'g llmhost_plugin::Graph) -> llmhost_plugin::Objective<'g> {
/// #         llmhost_plugin::Objective::new().term("nll", -g.logps().sum(llmhost_plugin::ALL), None, 1.0)
/// #     }
/// # }
/// # fn plugin() -> llmhost_plugin::Plugin { llmhost_plugin::Plugin::new("nll", "1.0.0", "").loss::<Nll>("nll", "") }
/// let program = llmhost_plugin::Server::new(plugin()).program("nll", "{}").unwrap();
/// assert!(program.contains(r#"{"op":"neg""#));
/// ```
pub struct Server {
    plugin: Plugin,
    instances: BTreeMap<u32, Part>,
    last: u32,
}

/// An error reply.
struct Fault {
    code: &'static str,
    message: String,
    field: Option<String>,
}

fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault { code, message: message.into(), field: None }
}

impl Server {
    pub fn new(plugin: Plugin) -> Self {
        Server { plugin, instances: BTreeMap::new(), last: 0 }
    }

    /// The descriptor of the plugin.
    pub fn describe(&self) -> Vec<u8> {
        frame(Ok(self.plugin.json().into_bytes()))
    }

    /// Makes an instance of the component with the given index.
    pub fn configure(&mut self, component: u32, config: &[u8]) -> Vec<u8> {
        frame(self.configured(component as usize, config))
    }

    /// The program of an instance of a loss or pooling.
    pub fn trace(&self, instance: u32, _request: &[u8]) -> Vec<u8> {
        let graph = Graph::new();
        frame(match self.instances.get(&instance) {
            Some(Part::Loss(l)) => Ok(graph.close_loss(&l.trace(&graph)).into_bytes()),
            Some(Part::Pooling(p)) => Ok(graph.close_pooling(p.trace(&graph), p.pools_last_token(), &p.allow()).into_bytes()),
            Some(Part::Formatter(_)) => Err(fault("bad_request", "a formatter has no trace")),
            None => Err(no_instance(instance)),
        })
    }

    /// Rows through an instance of a formatter.
    pub fn format(&self, instance: u32, rows: &[u8]) -> Vec<u8> {
        frame(match self.instances.get(&instance) {
            Some(Part::Formatter(f)) => rows::format_frame(f.as_ref(), rows).map_err(|e| fault("bad_request", e)),
            Some(_) => Err(fault("bad_request", format!("handle {instance} is not a formatter"))),
            None => Err(no_instance(instance)),
        })
    }

    /// Forgets an instance.
    pub fn close(&mut self, instance: u32) {
        self.instances.remove(&instance);
    }

    /// The program of the named loss or pooling under a configuration such as
    /// {"margin":0.5}, as JSON, for tests of a plugin. The error is the reply's.
    pub fn program(&mut self, component: &str, config: &str) -> Result<String, String> {
        let index = self.plugin.components.iter().position(|c| c.name == component && c.kind != "formatter");
        let index = index.ok_or_else(|| format!("there is no loss or pooling {component}"))?;
        payload(self.configure(index as u32, config.as_bytes()))?;
        payload(self.trace(self.last, b"{\"op_level\":1}"))
    }

    fn configured(&mut self, index: usize, config: &[u8]) -> Result<Vec<u8>, Fault> {
        let component = self.plugin.components.get(index);
        let component = component.ok_or_else(|| fault("bad_request", format!("no component has the index {index}")))?;
        let given = std::str::from_utf8(config).ok().and_then(json::flat);
        let given = given.ok_or_else(|| fault("invalid_config", "configuration is not a flat JSON object of numbers, texts, true and false"))?;
        if let Some(name) = given.keys().find(|name| component.params.iter().all(|p| p.name != *name)) {
            return Err(at(name, format!("is no parameter of {}", component.title())));
        }
        let mut values = Values::new();
        for p in &component.params {
            let value: &Value = given.get(p.name).unwrap_or(&p.default);
            p.check(value).map_err(|what| at(p.name, what))?;
            values.insert(p.name.into(), value.clone());
        }
        let part = (component.make)(&values);
        part.validate().map_err(|e| fault("invalid_config", e))?;
        self.last += 1;
        let reply = format!("{{\"instance\":{}{}}}", self.last, records(&part));
        self.instances.insert(self.last, part);
        Ok(reply.into_bytes())
    }
}

/// The error of a parameter.
fn at(name: &str, what: String) -> Fault {
    Fault { code: "invalid_config", message: format!("{name} {what}"), field: Some(name.into()) }
}

fn no_instance(instance: u32) -> Fault {
    fault("bad_request", format!("nothing is configured under handle {instance}"))
}

/// What a formatter reads and gives, for the reply to configure.
fn records(part: &Part) -> String {
    let Part::Formatter(f) = part else { return String::new() };
    let mut out = String::from(",\"columns\":");
    let columns = f.columns();
    json::list(&mut out, columns.iter().map(|c| {
        let mut item = String::from("{");
        json::field(&mut item, "name", &c.name);
        json::field(&mut item, "type", c.kind.key());
        json::name(&mut item, "required");
        item.push_str(&c.required.to_string());
        json::field(&mut item, "doc", &c.doc);
        c.role.append(&mut item);
        if !c.examples.is_empty() {
            json::name(&mut item, "examples");
            json::list(&mut item, c.examples.iter().map(|e| json::quoted(e)));
        }
        item + "}"
    }));
    if let Some(outputs) = f.gives() {
        json::name(&mut out, "gives");
        json::list(&mut out, outputs.iter().map(declare::Output::json));
    }
    declare::append_allow(&mut out, &f.allow());
    out
}

fn frame(result: Result<Vec<u8>, Fault>) -> Vec<u8> {
    match result {
        Ok(mut payload) => {
            payload.insert(0, 0);
            payload
        }
        Err(fault) => {
            let mut out = String::from("\u{1}{");
            json::field(&mut out, "code", fault.code);
            json::field(&mut out, "message", &fault.message);
            if let Some(name) = fault.field {
                json::field(&mut out, "field", &name);
            }
            (out + "}").into_bytes()
        }
    }
}

fn payload(reply: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8_lossy(&reply[1..]).into_owned();
    if reply[0] == 0 {
        Ok(text)
    } else {
        Err(text)
    }
}
