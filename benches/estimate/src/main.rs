//! Sets the estimate of each text on the standard input beside what the tokenizers counted, and prints a table.

#[expect(dead_code, reason = "not all of it is measured")]
#[path = "../../../src/estimate.rs"]
mod estimate;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use estimate::Estimator;
use serde_json::{Value, json};

const TOKENIZERS: [&str; 4] = ["o200k", "cl100k", "claude", "llama3"];

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("texts on the standard input");
    let all: Vec<Value> = serde_json::from_str(&text).expect("texts as JSON");
    let mut kinds: BTreeMap<&str, Vec<(u64, [u64; 4])>> = BTreeMap::new();
    let mut order = Vec::new();
    let mut bodies = Vec::new();
    for one in &all {
        let (kind, text) = (one["kind"].as_str().expect("a kind"), one["text"].as_str().expect("a text"));
        // As a client sends it.
        let body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": text }] }).to_string();
        let mut estimator = Estimator::default();
        estimator.piece(body.as_bytes());
        let counts = TOKENIZERS.map(|name| one["tokens"][name].as_u64().expect("a count"));
        if !kinds.contains_key(kind) {
            order.push(kind);
        }
        kinds.entry(kind).or_default().push((estimator.tokens(), counts));
        bodies.push(body);
    }
    println!("Tokens estimated for each that a tokenizer counts: of all texts of a kind, the median, and from the least");
    println!("to the most.\n");
    println!("| text | {} | below o200k |", TOKENIZERS.join(" | "));
    println!("|---|---|---|---|---|---|");
    let (mut low, mut lowest) = (0, 0);
    for kind in order {
        let texts = &kinds[kind];
        let cells = (0..TOKENIZERS.len()).map(|at| {
            let mut ratios: Vec<f64> = texts.iter().map(|(estimate, counts)| *estimate as f64 / counts[at] as f64).collect();
            ratios.sort_by(f64::total_cmp);
            format!("{:.2} ({:.2}–{:.2})", ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1])
        });
        let below = texts.iter().filter(|(estimate, counts)| *estimate < counts[0]).count();
        low += below;
        lowest += texts.iter().filter(|(estimate, counts)| estimate < counts.iter().max().expect("counts")).count();
        println!("| {kind} | {} | {below} of {} |", cells.collect::<Vec<_>>().join(" | "), texts.len());
    }
    println!();
    println!("Of all {} texts {low} are estimated below what o200k counts, and {lowest} below what the one with the most does.", all.len());
    let bytes: usize = bodies.iter().map(String::len).sum();
    let mut best = f64::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        for body in &bodies {
            let mut estimator = Estimator::default();
            estimator.piece(black_box(body.as_bytes()));
            black_box(estimator.tokens());
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    println!("It takes {:.0} ns for a KiB.", best * 1e9 / (bytes as f64 / 1024.0));
}
