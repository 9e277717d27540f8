//! What was changed in a text, as a unified diff.
//!
//! 1. What may be a secret is hidden, as in every other rendering of the configuration. A line of
//!    context that would be altered by that is left out instead, with what lies beyond it, so that the
//!    diff can be applied.
//! 2. Only a changed line that holds such a text shows stars, which is told: the change must then be
//!    made by hand.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use crate::config::masked;

/// How many unchanged lines are shown on each side.
const CONTEXT: usize = 3;

/// A line of either text.
struct Line<'t> {
    tag: ChangeTag,
    text: &'t str,
    shown: bool,
}

/// The difference of two texts of one file, and whether a line that differs is not shown as it is.
pub(super) fn unified(file: &str, before: &str, after: &str) -> (String, bool) {
    let diff = TextDiff::from_lines(before, after);
    let mut lines: Vec<Line<'_>> = diff
        .iter_all_changes()
        .map(|change| Line {
            tag: change.tag(),
            text: change.value(),
            shown: change.tag() != ChangeTag::Equal,
        })
        .collect();
    let hidden = lines.iter().any(|line| line.shown && masked(line.text) != line.text);
    show_context(&mut lines);
    let mut out = format!("--- {file}\n+++ {file}\n");
    let (mut old, mut new) = (1, 1);
    for hunk in lines.chunk_by(|one, next| one.shown == next.shown) {
        let count = |not: ChangeTag| hunk.iter().filter(|line| line.tag != not).count();
        let (of_old, of_new) = (count(ChangeTag::Insert), count(ChangeTag::Delete));
        if hunk.first().is_some_and(|line| line.shown) {
            let _ = writeln!(out, "@@ -{} +{} @@", range(old, of_old), range(new, of_new));
            for line in hunk {
                write_line(&mut out, line);
            }
        }
        (old, new) = (old + of_old, new + of_new);
    }
    (out, hidden)
}

/// Marks the lines round each change that can be shown as they are.
fn show_context(lines: &mut [Line<'_>]) {
    let changed: Vec<bool> = lines.iter().map(|line| line.shown).collect();
    let plain: Vec<bool> = lines.iter().map(|line| masked(line.text) == line.text).collect();
    let is = |marks: &[bool], at: usize| marks.get(at).copied().unwrap_or(false);
    let fit = |at: &usize| is(&plain, *at) && !is(&changed, *at);
    let mut from = 0;
    for run in changed.chunk_by(|one, next| one == next) {
        let to = from + run.len();
        if is(&changed, from) {
            let behind: Vec<usize> = (to..lines.len()).take(CONTEXT).take_while(fit).collect();
            let next = to + behind.len();
            // Who applies a diff takes a short end for the end of the file, unless the beginning is
            // as short.
            let is_cut = behind.len() < CONTEXT && next < lines.len() && !is(&changed, next);
            let most = if is_cut { behind.len() } else { CONTEXT };
            let before = (0..from).rev().take(most).take_while(fit);
            for shown in behind.iter().copied().chain(before) {
                if let Some(line) = lines.get_mut(shown) {
                    line.shown = true;
                }
            }
        }
        from = to;
    }
}

fn range(from: usize, count: usize) -> String {
    match count {
        // Of nothing, the line before it is told.
        0 => format!("{},0", from.saturating_sub(1)),
        1 => from.to_string(),
        _ => format!("{from},{count}"),
    }
}

fn write_line(out: &mut String, line: &Line<'_>) {
    let sign = match line.tag {
        ChangeTag::Equal => ' ',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    };
    out.push(sign);
    match line.text.strip_suffix('\n') {
        Some(text) => {
            let _ = writeln!(out, "{}", masked(text));
        }
        None => {
            let _ = writeln!(out, "{}\n\\ No newline at end of file", masked(line.text));
        }
    }
}
