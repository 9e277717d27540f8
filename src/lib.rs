//! The library behind the `portcullis` command.

pub mod standin;
