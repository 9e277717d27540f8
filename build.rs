//! Hands the linker the list of what an ordinary gate runs, so that only that counts as its memory.
//!
//! The list is `link/used.ld`, or `link/used-profiled.ld` for a build by a profile, which cuts the code into other
//! functions; the reason stands in `link/update`. It changes where code lies, not the code, and only in the command's release
//! build for Linux. A linker that was chosen by hand may not read such lists, and gets none.

use std::env;
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "what cargo tells a build script stands there")]
fn main() {
    println!("cargo::rerun-if-changed=link");
    let said = |name: &str| env::var(name).unwrap_or_default();
    let (flags, linker) = (said("CARGO_ENCODED_RUSTFLAGS"), said("RUSTC_LINKER"));
    let chosen = ["mold", "gold", "wild"].iter().any(|name| flags.contains(name) || linker.contains(name));
    if said("CARGO_CFG_TARGET_OS") != "linux" || said("OPT_LEVEL") != "3" || chosen {
        return;
    }
    let list = if flags.contains("profile-use") { "link/used-profiled.ld" } else { "link/used.ld" };
    let list = Path::new(&said("CARGO_MANIFEST_DIR")).join(list);
    if list.exists() {
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={}", list.display());
    }
}
