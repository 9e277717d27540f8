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
