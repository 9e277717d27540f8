//! The README shows the table of refusals as it is in the code.

use portcullis::denial::table;

const BEGIN: &str = "<!-- denials -->\n";
const END: &str = "<!-- /denials -->";

#[test]
fn the_readme_shows_every_refusal() {
    let readme = include_str!("../README.md");
    let (_, from) = readme.split_once(BEGIN).expect("README.md has no <!-- denials -->");
    let (shown, _) = from.split_once(END).expect("README.md has no <!-- /denials -->");
    let table = table();
    assert!(
        shown.trim() == table.trim(),
        "README.md shows another table than the code; put this between the markers:\n\n{BEGIN}{table}{END}"
    );
}
