//! Compiled instructions with Python's meaning. Where the engine has another one, and
//! where an instruction may do work without bound, a call of our own takes its place.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::ValueKind;

use crate::methods::OF_DICT;

/// The methods that a template calls.
#[derive(Default)]
pub struct Names {
    pub methods: BTreeSet<&'static str>,
}

/// Raw texts that are longer are printed by calls that count them.
const LONG_RAW: usize = 32;
/// How many filters the engine remembers while it runs.
const REMEMBERED: u8 = 50;

/// Exchanges what means something else in Python.
pub fn exchange(mut old: Instructions<'static>, names: &mut Names) -> Instructions<'static> {
    negate_last(&mut old);
    let mut writer = Writer::new(&old);
    let mut at = 0;
    while let Some(instruction) = old.get(at) {
        writer.places.push(writer.out.len() as u32);
        writer.write(at, instruction, old.get_line(at), names);
        at += 1;
    }
    writer.places.push(writer.out.len() as u32);
    writer.finish(&old)
}

/// Instructions under construction. Those that jump still say where to in the old ones.
struct Writer {
    out: Vec<(Instruction<'static>, Option<usize>)>,
    /// Where each of the old instructions went.
    places: Vec<u32>,
    /// The old instructions that others jump to.
    targets: HashSet<u32>,
    /// Numbers under which the engine remembers our filters.
    remembered: BTreeMap<&'static str, u8>,
    next: u8,
}

impl Writer {
    fn new(old: &Instructions<'static>) -> Writer {
        let mut writer = Writer { out: vec![], places: vec![], targets: HashSet::new(), remembered: BTreeMap::new(), next: 0 };
        let mut at = 0;
        while let Some(instruction) = old.get(at) {
            if let Instruction::ApplyFilter(_, _, id) = instruction {
                writer.next = writer.next.max(id.wrapping_add(1));
            }
            writer.targets.extend(target(&mut instruction.clone()).map(|to| *to));
            at += 1;
        }
        writer
    }

    /// A call of one of our filters.
    fn call(&mut self, name: &'static str, count: Option<u16>) -> Instruction<'static> {
        let id = match self.remembered.get(name) {
            Some(id) => *id,
            None if self.next >= REMEMBERED => !0,
            None => {
                self.next += 1;
                self.remembered.insert(name, self.next - 1);
                self.next - 1
            }
        };
        Instruction::ApplyFilter(name, count, id)
    }

    fn write(&mut self, at: u32, instruction: &Instruction<'static>, line: Option<usize>, names: &mut Names) {
        // What stands on top of the stack for sure.
        let constant = match self.out.last() {
            Some((Instruction::LoadConst(value), _)) if !self.targets.contains(&at) => Some(value.clone()),
            _ => None,
        };
        // A list that the template writes out, as it writes tuples.
        let is_list = match self.out.last() {
            Some((Instruction::BuildList(_), _)) => true,
            _ => constant.as_ref().is_some_and(|value| value.kind() == ValueKind::Seq),
        };
        let key = constant.as_ref().and_then(|value| value.as_str());
        let (name, count): (&'static str, Option<u16>) = match instruction {
            Instruction::Add => ("__add", Some(2)),
            Instruction::Mul => ("__mul", Some(2)),
            Instruction::Rem if is_list => ("__rem_tuple", Some(2)),
            Instruction::Rem => ("__rem", Some(2)),
            Instruction::StringConcat => ("__concat", Some(2)),
            Instruction::Slice => ("__slice", Some(4)),
            Instruction::Eq if constant.is_none() => ("__eq", Some(2)),
            Instruction::Ne if constant.is_none() => ("__ne", Some(2)),
            Instruction::Lt => ("__lt", Some(2)),
            Instruction::Lte => ("__le", Some(2)),
            Instruction::Gt => ("__gt", Some(2)),
            Instruction::Gte => ("__ge", Some(2)),
            Instruction::In if constant.is_none() => ("__in", Some(2)),
            Instruction::GetItem if !key.is_some_and(|key| !OF_DICT.contains(&key)) => ("__item", Some(2)),
            Instruction::GetAttr(name) if OF_DICT.contains(name) => (leaked("__attr_", name), Some(1)),
            Instruction::CallMethod(name, count) => {
                names.methods.insert(name);
                (leaked("__call_", name), *count)
            }
            Instruction::BuildMap(count) if *count < 1 << 14 => ("__dict", Some(2 * *count as u16)),
            Instruction::PushLoop(_) => {
                let check = self.call("__iter", Some(1));
                self.out.push((check, line));
                return self.out.push((instruction.clone(), line));
            }
            Instruction::EmitRaw(text) if text.len() > LONG_RAW => {
                self.out.push((Instruction::LoadConst((*text).into()), line));
                return self.out.push((Instruction::Emit, line));
            }
            _ => return self.out.push((instruction.clone(), line)),
        };
        let call = self.call(name, count);
        self.out.push((call, line));
    }

    fn finish(self, old: &Instructions<'static>) -> Instructions<'static> {
        let mut new = Instructions::new(old.name(), old.source());
        for (mut instruction, line) in self.out {
            if let Some(to) = target(&mut instruction) {
                *to = self.places.get(*to as usize).copied().unwrap_or(*to);
            }
            match line {
                Some(line) => new.add_with_line(instruction, line.min(u16::MAX as usize) as u16),
                None => new.add(instruction),
            };
        }
        new
    }
}

/// Where an instruction goes on, if not behind itself.
fn target<'a>(instruction: &'a mut Instruction<'static>) -> Option<&'a mut u32> {
    match instruction {
        Instruction::Jump(to)
        | Instruction::JumpIfFalse(to)
        | Instruction::JumpIfFalseOrPop(to)
        | Instruction::JumpIfTrueOrPop(to)
        | Instruction::Iterate(to)
        | Instruction::BuildMacro(_, to, _) => Some(to),
        _ => None,
    }
}

/// Moves a minus behind the attributes and items after it: `-a.b` is `-(a.b)`, and the
/// engine reads `(-a).b`.
fn negate_last(instructions: &mut Instructions<'static>) {
    let mut at = 0;
    while let Some(instruction) = instructions.get(at) {
        let length = match (instruction, instructions.get(at + 1), instructions.get(at + 2)) {
            (Instruction::Neg, Some(Instruction::GetAttr(_)), _) => 1,
            (Instruction::Neg, Some(Instruction::LoadConst(_) | Instruction::Lookup(_)), Some(Instruction::GetItem)) => 2,
            _ => 0,
        };
        for step in at..at + length {
            let next = instructions.get(step + 1).cloned();
            if let (Some(here), Some(next)) = (instructions.get_mut(step), next) {
                *here = next;
            }
        }
        if let (true, Some(last)) = (length > 0, instructions.get_mut(at + length)) {
            *last = Instruction::Neg;
        }
        at += length.max(1);
    }
}

fn leaked(prefix: &str, name: &str) -> &'static str {
    Box::leak(format!("{prefix}{name}").into_boxed_str())
}
