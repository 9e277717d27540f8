//! The README shows the tables of refusals and causes as they are in the code.

use portcullis::{denial, diagnosis, provider};

/// Checks the part of the README between two markers.
fn shows(name: &str, table: &str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let readme = include_str!("../README.md");
    let shown = readme.split_once(&begin).and_then(|(_, from)| from.split_once(&end)).map(|(shown, _)| shown);
    assert!(
        shown.is_some_and(|shown| shown.trim() == table.trim()),
        "README.md shows another table than the code; put this between the markers:\n\n{begin}{table}{end}"
    );
}

#[test]
fn the_readme_shows_every_refusal() {
    shows("denials", &denial::table());
}

#[test]
fn the_readme_shows_every_provider() {
    shows("providers", &provider::table());
}

#[test]
fn the_readme_shows_every_cause() {
    shows("causes", &diagnosis::table());
}

/// Every promise of SECURITY.md names the test that holds it, as `file::function`.
#[test]
fn every_test_that_security_names_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = include_str!("../SECURITY.md").split('`').filter_map(|word| word.split_once(".rs::"));
    let mut count = 0;
    for (file, function) in named {
        let text = std::fs::read_to_string(root.join(file).with_extension("rs")).unwrap_or_default();
        // With what stands before it: a word in a comment is no test.
        let test = text.split(&format!("fn {function}(")).next().filter(|before| before.len() < text.len());
        let is_test = test.is_some_and(|before| {
            before.rsplit("#[test]").next().is_some_and(|between| {
                between.len() < before.len() && !between.contains("\n}") && !between.contains("fn ")
            })
        });
        assert!(is_test, "SECURITY.md names {file}.rs::{function}, which is no test");
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn every_promise_of_security_is_held_by_something() {
    let promises = include_str!("../SECURITY.md").split("| promise | held by |").skip(1);
    let rows = promises.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    let rows = rows.collect::<Vec<_>>();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        assert!(row.contains(".rs::"), "nothing holds this: {row}");
    }
}
