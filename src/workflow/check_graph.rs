//! Checks how the steps of a workflow are connected: unreachable steps, cycles, and references to steps that cannot
//! have run yet.
//!
//! The graph's nodes are the trigger, 0, and the steps, each at its index plus one. Transitions to unknown steps have
//! been reported by the reader and are not in the graph.

use super::check_step::NO_ITEM;
use super::findings::{Finding, Findings};
use super::read::{Outline, StepOutline, TRIGGER_ID, TransitionOutline};
use crate::expr::{Mention, Subject};

const TRIGGER: usize = 0;

/// Reports every mistake in how `outline`'s steps are connected.
pub(super) fn check(outline: &Outline<'_>, findings: &mut Findings) {
    let graph = Graph::of(outline);
    for (_, transitions) in transitions_by_node(outline) {
        check_always(transitions, findings);
    }
    check_cycles(outline, &graph, findings);
    let mut reached = graph.reached_from(TRIGGER);
    // A missing trigger has already been reported; it is not the fault of the steps.
    reached.iter_mut().for_each(|reached| *reached |= outline.trigger.is_none());
    check_reached(outline, &reached, findings);
    check_mentions(outline, &graph, &reached, findings);
}

/// Reports unreachable steps. A missing or duplicate id is reported elsewhere and is the mistake to fix first.
fn check_reached(outline: &Outline<'_>, reached: &[bool], findings: &mut Findings) {
    for (index, step) in outline.steps.iter().enumerate() {
        let Some(id) = step.id.filter(|id| outline.indexes.get(id) == Some(&index)) else { continue };
        if !reached[index + 1] && !step.parked {
            let message = format!("step `{id}` is unreachable: no path leads to it from the trigger");
            let help = r#"`"meta": {"parked": true}` keeps an unused step"#;
            findings.add(Finding::error(&step.node.pointer, message).help(help));
        }
    }
}

fn transitions_by_node<'o, 'a>(outline: &'o Outline<'a>) -> impl Iterator<Item = (usize, &'o [TransitionOutline<'a>])> {
    let trigger = outline.trigger.iter().map(|trigger| (TRIGGER, trigger.transitions.as_slice()));
    trigger.chain(outline.steps.iter().enumerate().map(|(index, step)| (index + 1, step.transitions.as_slice())))
}

/// Transitions are tried in order, so none after one that always holds is ever tried.
fn check_always(transitions: &[TransitionOutline<'_>], findings: &mut Findings) {
    let always = |transition: &TransitionOutline<'_>| {
        transition.condition.as_ref().is_some_and(|(condition, _)| condition.is_always())
    };
    let Some(first) = transitions.iter().position(always) else { return };
    for transition in &transitions[first + 1..] {
        let message = "this transition is never taken, because an earlier one always is";
        let help = format!("the earlier one is {}", transitions[first].node.pointer);
        findings.add(Finding::warning(&transition.node.pointer, message).help(help));
    }
}

struct Graph {
    /// For each node, the nodes its transitions lead to.
    targets: Vec<Vec<usize>>,
    /// For each node, the nodes with transitions to it.
    origins: Vec<Vec<usize>>,
}

impl Graph {
    fn of(outline: &Outline<'_>) -> Graph {
        let nodes = outline.steps.len() + 1;
        let mut graph = Graph { targets: vec![Vec::new(); nodes], origins: vec![Vec::new(); nodes] };
        for (node, transitions) in transitions_by_node(outline) {
            for target in transitions.iter().filter_map(|transition| transition.target_index) {
                graph.targets[node].push(target + 1);
                graph.origins[target + 1].push(node);
            }
        }
        graph
    }

    /// For each node, whether it is `start` or reachable from it.
    fn reached_from(&self, start: usize) -> Vec<bool> {
        follow(&self.targets, vec![start])
    }

    /// For each node, whether `end` is reachable from it; true for `end` itself only in a cycle.
    fn before(&self, end: usize) -> Vec<bool> {
        follow(&self.origins, self.origins[end].clone())
    }
}

/// For each node, whether it is reachable from one of `open` along `edges`.
fn follow(edges: &[Vec<usize>], mut open: Vec<usize>) -> Vec<bool> {
    let mut found = vec![false; edges.len()];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut found[node], true) {
            open.extend(&edges[node]);
        }
    }
    found
}

/// Reports each transition that closes a cycle, with the cycle's path.
fn check_cycles(outline: &Outline<'_>, graph: &Graph, findings: &mut Findings) {
    let mut done = vec![false; graph.targets.len()];
    for start in 0..graph.targets.len() {
        // The path from `start` to the current node; with each node, how many of its transitions were followed.
        let mut path: Vec<(usize, usize)> = if done[start] { Vec::new() } else { vec![(start, 0)] };
        while let Some((node, followed)) = path.last_mut() {
            let (node, next) = (*node, graph.targets[*node].get(*followed).copied());
            *followed += 1;
            match next {
                None => {
                    done[node] = true;
                    path.pop();
                }
                Some(next) if done[next] => {}
                Some(next) => match path.iter().position(|(node, _)| *node == next) {
                    None => path.push((next, 0)),
                    Some(entry) => report_cycle(outline, &path[entry..], findings),
                },
            }
        }
    }
}

/// `path` leads from a step to another one, or the same, that has a transition back to the first.
fn report_cycle(outline: &Outline<'_>, path: &[(usize, usize)], findings: &mut Findings) {
    // No transition leads to the trigger, so all nodes of a cycle are steps.
    let step = |(node, _): &(usize, usize)| &outline.steps[node.saturating_sub(1)];
    let (Some(first), Some(last)) = (path.first(), path.last()) else { return };
    let names: Vec<&str> = path.iter().chain([first]).map(|entry| step(entry).id.unwrap_or("?")).collect();
    let closes =
        |transition: &&TransitionOutline<'_>| transition.target_index.is_some_and(|index| index + 1 == first.0);
    let closing = step(last).transitions.iter().find(closes).and_then(|transition| transition.target.as_ref());
    let message = format!("the steps form a cycle: {}", names.join(" -> "));
    findings.error(closing.map_or(&step(last).node.pointer, |(_, target)| &target.pointer), message);
}

/// Reports references to the output of steps that do not exist or cannot have run.
fn check_mentions(outline: &Outline<'_>, graph: &Graph, reached: &[bool], findings: &mut Findings) {
    if let Some(trigger) = &outline.trigger {
        let ran = vec![false; reached.len()];
        check_condition_mentions(outline, &trigger.transitions, &ran, findings);
    }
    for (index, step) in outline.steps.iter().enumerate() {
        let mut ran = graph.before(index + 1);
        // An unreachable step has already been reported; listing what cannot run before it would only add noise.
        ran.iter_mut().for_each(|ran| *ran |= !reached[index + 1]);
        check_param_mentions(outline, step, &ran, findings);
        ran[index + 1] = true;
        check_condition_mentions(outline, &step.transitions, &ran, findings);
    }
}

fn check_param_mentions(outline: &Outline<'_>, step: &StepOutline<'_>, ran: &[bool], findings: &mut Findings) {
    for param in &step.params {
        let mentions = param.expr.as_ref().map(|expr| expr.mentions()).unwrap_or_default();
        mentions.iter().for_each(|mention| check_mention(outline, mention, &param.node.pointer, ran, findings));
    }
}

fn check_condition_mentions(
    outline: &Outline<'_>,
    transitions: &[TransitionOutline<'_>],
    ran: &[bool],
    findings: &mut Findings,
) {
    for (condition, node) in transitions.iter().filter_map(|transition| transition.condition.as_ref()) {
        let mentions = condition.mentions();
        for mention in mentions.iter().filter(|mention| mention.subject == Subject::Item) {
            findings.error(format!("{}{}", node.pointer, mention.pointer), NO_ITEM);
        }
        mentions.iter().for_each(|mention| check_mention(outline, mention, &node.pointer, ran, findings));
    }
}

/// `ran` holds, for each node, whether it can have run where the mention is; the trigger always has.
fn check_mention(outline: &Outline<'_>, mention: &Mention, base: &str, ran: &[bool], findings: &mut Findings) {
    let step = match &mention.subject {
        Subject::Step(step) => step,
        Subject::Variable(_) | Subject::Item => return,
    };
    if step == TRIGGER_ID || outline.trigger.as_ref().is_some_and(|trigger| trigger.is(step)) {
        return;
    }
    let pointer = format!("{base}{}", mention.pointer);
    match outline.indexes.get(step.as_str()) {
        None => {
            let trigger_id = outline.trigger.as_ref().and_then(|trigger| trigger.id);
            let message = findings.unknown("step", step, outline.step_ids().chain(trigger_id));
            findings.error(pointer, message);
        }
        Some(index) if !ran[index + 1] => {
            let message = format!("step `{}` cannot have run before this, so the reference never has a value", step);
            findings.add(Finding::warning(pointer, message));
        }
        Some(_) => {}
    }
}
