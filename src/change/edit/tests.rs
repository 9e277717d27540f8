//! Every form in which a setting can be written, and what stands round it afterwards.

use super::*;

fn done(text: &str, path: &str, edit: &Edit) -> String {
    edited(text, path, edit).unwrap_or_else(|| panic!("{path} in {text}"))
}

#[test]
fn an_entry_is_added_in_the_manner_of_the_list() {
    let cases = [
        ("a = []", r#"a = ["new"]"#),
        (r#"a = ["x"] # why"#, r#"a = ["x", "new"] # why"#),
        (r#"a = [ "x", "y" ]"#, r#"a = [ "x", "y", "new" ]"#),
        (r#"a = ["x",]"#, r#"a = ["x", "new",]"#),
        ("a = [\n  \"x\",\n  \"y\",\n]", "a = [\n  \"x\",\n  \"y\",\n  \"new\",\n]"),
        ("a = [\n  \"x\",\n  \"y\"\n]", "a = [\n  \"x\",\n  \"y\",\n  \"new\"\n]"),
        (
            "a = [\n  \"x\", # one\n  \"y\", # two\n  # the end\n]",
            "a = [\n  \"x\", # one\n  \"y\", # two\n  # the end\n  \"new\",\n]",
        ),
        ("a = [\n  # nobody yet\n]", "a = [\n  # nobody yet\n    \"new\",\n]"),
        ("a = [\n]", "a = [\n    \"new\",\n]"),
        ("a = [\"x\",\n     \"y\"]", "a = [\"x\",\n     \"y\",\n     \"new\"]"),
    ];
    for (before, after) in cases {
        assert_eq!(done(&format!("{before}\n"), "a", &Edit::Add("new".to_owned())), format!("{after}\n"));
    }
}

#[test]
fn a_comment_behind_the_last_entry_stays_a_comment() {
    // There is no comma before it, so none can come behind it.
    let after = done("a = [\n  \"y\" # two\n]\n", "a", &Edit::Add("new".to_owned()));
    assert_eq!(after, "a = [\n  \"y\", # two\n  \"new\"\n]\n");
}

#[test]
fn a_setting_that_is_not_there_is_added_to_its_table() {
    let add = Edit::Add("new".to_owned());
    for (before, path, after) in [
        ("[p.s]\nx = 1 # one\n\n# two\n[q]\n", "p.s.a", "[p.s]\nx = 1 # one\na = [\"new\"]\n\n# two\n[q]\n"),
        ("p = { s = { x = 1 } }\n", "p.s.a", "p = { s = { x = 1, a = [\"new\"] } }\n"),
        ("p.s.x = 1\n", "p.s.a", "p.s.x = 1\np.s.a = [\"new\"]\n"),
        ("[[p.k]]\nx = 1\n[[p.k]]\nx = 2\n", "p.k[0].a", "[[p.k]]\nx = 1\na = [\"new\"]\n[[p.k]]\nx = 2\n"),
        ("[p]\nk = [{ x = 1 }]\n", "p.k[0].a", "[p]\nk = [{ x = 1, a = [\"new\"] }]\n"),
        ("[p.\"a.b\"]\nx = 1\n", "p.\"a.b\".a", "[p.\"a.b\"]\nx = 1\na = [\"new\"]\n"),
        ("[p]\nx = 1\n", "server.a", "[p]\nx = 1\n\n[server]\na = [\"new\"]\n"),
        ("[p]\nx = 1\n# the end\n", "server.a", "[p]\nx = 1\n# the end\n\n[server]\na = [\"new\"]\n"),
        ("# only words\n", "server.a", "# only words\n\n[server]\na = [\"new\"]\n"),
    ] {
        let edited = done(before, path, &add);
        assert_eq!(edited, after, "{before}");
        assert!(edited.parse::<DocumentMut>().is_ok());
    }
}

#[test]
fn a_value_keeps_its_form_and_its_comment() {
    let date = || Edit::Set(New::Date("2027-01-01".to_owned()));
    let bytes = || Edit::Set(New::Bytes(64 << 20));
    for (before, path, edit, after) in [
        ("x  =  true # c\n", "x", Edit::Set(New::Bool(false)), "x  =  false # c\n"),
        ("x = 2020-01-01T00:00:00Z # c\n", "x", date(), "x = 2027-01-01 # c\n"),
        ("x = \"2020-01-01\"\n", "x", date(), "x = \"2027-01-01\"\n"),
        ("x = \"32 MiB\"\n", "x", bytes(), "x = \"64 MiB\"\n"),
        ("x = 33554432\n", "x", bytes(), "x = 67108864\n"),
        ("y = 1\n", "x", bytes(), "y = 1\nx = \"64 MiB\"\n"),
        (
            "l = { r = [\"1/s\", \"9/min\"] } # c\n",
            "l.r[1]",
            Edit::Set(New::Text("18/min".to_owned())),
            "l = { r = [\"1/s\", \"18/min\"] } # c\n",
        ),
        ("l = { c = 4 }\n", "l.c", Edit::Set(New::Number(8)), "l = { c = 8 }\n"),
    ] {
        assert_eq!(done(before, path, &edit), after);
    }
}

#[test]
fn only_some_entries_stay() {
    let only = Edit::Only(vec!["a".to_owned(), "c".to_owned()]);
    for (before, after) in [
        ("x = \"*\" # all\n", "x = [\"a\", \"c\"] # all\n"),
        ("x = [\"*\"]\n", "x = [\"a\", \"c\"]\n"),
        ("x = [\"a\", \"b\", \"c\"]\n", "x = [\"a\", \"c\"]\n"),
        ("x = [\"b\", \"c\", \"a\"]\n", "x = [\"c\", \"a\"]\n"),
        (
            "x = [\n  \"a\", # one\n  \"b\", # two\n  \"c\", # three\n]\n",
            "x = [\n  \"a\", # one\n  \"c\", # three\n]\n",
        ),
    ] {
        assert_eq!(done(before, "x", &only), after);
    }
}

#[test]
fn line_ends_stay_as_they_are() {
    let after = done("# one\r\na = [\r\n  \"x\",\r\n]\r\n", "a", &Edit::Add("new".to_owned()));
    assert_eq!(after, "# one\r\na = [\r\n  \"x\",\r\n  \"new\",\r\n]\r\n");
}

#[test]
fn a_path_that_leads_nowhere_changes_nothing() {
    let add = Edit::Add("new".to_owned());
    for path in ["", "a[0]", "a.b", "k[3].x", "a[x]", "s"] {
        assert_eq!(edited("a = 5\ns = \"text\"\n[[k]]\n", path, &add), None, "{path}");
    }
}
