//! Tests that layers nest in any order: the handlers that pass metrics on, around those that keep them.
#![allow(unsafe_code)] // The attribute lists its site in a section of its own.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::handler::{FanoutHandler, FilterHandler, MemoryHandler, MetricHandler, PrefixHandler};
use crate::{prof, put_metric, scoped};

/// A handler, as a tree.
#[derive(Clone, Debug)]
enum Layer {
    Memory,
    Fanout(Vec<Layer>),
    Prefix(&'static str, Box<Layer>),
    Names(&'static str, bool, Box<Layer>),
    Groups(&'static str, bool, Box<Layer>),
}

/// What is emitted: a data point with a name and a group, or a call of a function.
#[derive(Clone, Copy, Debug)]
enum Event {
    Value(&'static str, &'static str),
    Call,
}

#[prof(name = "b.call", group = "one")]
fn call() {}

impl Layer {
    /// Builds the handler, and adds its memories to `memories`, from the left to the right.
    fn build(&self, memories: &mut Vec<MemoryHandler>) -> Box<dyn MetricHandler> {
        match self {
            Self::Memory => {
                memories.push(MemoryHandler::new());
                Box::new(memories[memories.len() - 1].clone())
            }
            Self::Fanout(layers) => {
                let add = |fanout: FanoutHandler, layer: &Self| fanout.with(layer.build(memories));
                Box::new(layers.iter().fold(FanoutHandler::new(), add))
            }
            Self::Prefix(prefix, inner) => Box::new(PrefixHandler::new(*prefix, inner.build(memories))),
            Self::Names(pattern, true, inner) => Box::new(FilterHandler::new(inner.build(memories)).names([pattern])),
            Self::Names(pattern, false, inner) => {
                Box::new(FilterHandler::new(inner.build(memories)).without_names([pattern]))
            }
            Self::Groups(group, true, inner) => Box::new(FilterHandler::new(inner.build(memories)).groups([*group])),
            Self::Groups(group, false, inner) => {
                Box::new(FilterHandler::new(inner.build(memories)).without_groups([*group]))
            }
        }
    }

    /// The names that each memory has after something with these names was emitted. `call` is its function, until a
    /// prefix takes its record apart.
    fn expect(&self, call: Option<&str>, names: &[String], group: &str, into: &mut Vec<Vec<String>>) {
        let passing = |is_wanted: bool, is_met: &dyn Fn(&str) -> bool| match call {
            Some(call) if is_met(call) == is_wanted => names.to_vec(),
            Some(_) => Vec::new(),
            None => names.iter().filter(|name| is_met(name) == is_wanted).cloned().collect(),
        };
        match self {
            Self::Memory => into.push(names.to_vec()),
            Self::Fanout(layers) => layers.iter().for_each(|layer| layer.expect(call, names, group, into)),
            Self::Prefix(prefix, inner) => {
                let names: Vec<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
                inner.expect(None, &names, group, into);
            }
            Self::Names(pattern, is_wanted, inner) => {
                let start = pattern.trim_end_matches('*');
                inner.expect(call, &passing(*is_wanted, &|name| name.starts_with(start)), group, into);
            }
            Self::Groups(wanted, is_wanted, inner) => {
                inner.expect(call, &passing(*is_wanted, &|_| group == *wanted), group, into);
            }
        }
    }
}

fn layers() -> impl Strategy<Value = Layer> {
    Just(Layer::Memory).prop_recursive(5, 16, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let text = prop_oneof![Just("a.*"), Just("b.*"), Just("p.*")];
        prop_oneof![
            vec(inner, 0..4).prop_map(Layer::Fanout),
            boxed.clone().prop_map(|inner| Layer::Prefix("p.", inner)),
            (text, any::<bool>(), boxed.clone()).prop_map(|(text, wanted, inner)| Layer::Names(text, wanted, inner)),
            (prop_oneof![Just("one"), Just("two")], any::<bool>(), boxed)
                .prop_map(|(group, wanted, inner)| Layer::Groups(group, wanted, inner)),
        ]
    })
}

fn events() -> impl Strategy<Value = Event> {
    let names = prop_oneof![Just("a.x"), Just("b.y"), Just("c")];
    let value = (names, prop_oneof![Just("one"), Just("two")]).prop_map(|(name, group)| Event::Value(name, group));
    prop_oneof![3 => value, 1 => Just(Event::Call)]
}

proptest! {
    #[test]
    fn layers_nest_in_any_order(layer in layers(), events in vec(events(), 0..8)) {
        let mut memories = Vec::new();
        let scope = scoped(layer.build(&mut memories));
        let mut expected = vec![Vec::new(); memories.len()];
        for event in events {
            let mut added = Vec::new();
            match event {
                Event::Value(name, group) => {
                    put_metric(name, 1, group);
                    layer.expect(None, &[name.to_owned()], group, &mut added);
                }
                Event::Call => {
                    call();
                    let names = ["b.call.success", "b.call.duration.ms"].map(str::to_owned);
                    layer.expect(Some("b.call"), &names, "one", &mut added);
                }
            }
            expected.iter_mut().zip(added).for_each(|(all, added)| all.extend(added));
        }
        drop(scope);
        let names: Vec<Vec<String>> = memories.iter().map(MemoryHandler::names).collect();
        prop_assert_eq!(names, expected);
    }
}
