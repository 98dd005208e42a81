//! The commands of the binary and the life of a server, as an operator sees them.

#[path = "../support/mod.rs"]
mod support;

mod apps;
mod gateway;
mod import;
mod log;
mod many;
mod migrate;
mod refusals;
mod stop;
mod tls;

use std::path::Path;

/// The name of a folder, as an argument.
fn text(folder: &Path) -> &str {
    folder.to_str().expect("the folder's name is text")
}
