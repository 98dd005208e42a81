//! What the source promises about itself: the arrows between crates, the map of them, and its habits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may depend on within this workspace, and what it must not depend on outside.
/// Dependencies of tests are free.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("usersig", &[], &["tokio", "rusqlite", "hyper"]),
    (
        "core",
        &[],
        &["tokio", "rusqlite", "hyper", "serde", "serde_json"],
    ),
    (
        "presence",
        &["core"],
        &["tokio", "rusqlite", "hyper", "serde_json"],
    ),
    ("directory", &["core"], &["hyper", "http"]),
    ("cluster", &["core", "presence"], &["rusqlite", "hyper", "http"]),
    (
        "service",
        &["core", "usersig", "presence", "directory", "cluster"],
        &["rusqlite", "tokio-postgres", "hyper", "http", "serde_json"],
    ),
    // The error table names the directory's error.
    (
        "edge",
        &["core", "usersig", "service", "directory"],
        &["rusqlite", "tokio-postgres"],
    ),
    (
        "server",
        &["core", "usersig", "service", "directory", "cluster", "edge"],
        &["rusqlite", "tokio-postgres"],
    ),
    ("crowd", &["usersig"], &["rusqlite", "hyper"]),
    ("testbed", &[], &["tokio", "hyper"]),
    ("xtask", &["crowd", "testbed"], &[]),
];

/// Lines of a source file from which on it does more than one thing.
const LINES_MAX: usize = 600;

/// A member of the workspace, by the name of its folder.
struct Member {
    folder: PathBuf,
    dependencies: BTreeSet<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is in a workspace")
}

fn members() -> BTreeMap<String, Member> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let folder = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        manifest.parent().expect("a folder").to_owned()
    };
    let name = |folder: &Path| {
        let name = folder.file_name().expect("a name");
        name.to_str().expect("text").to_owned()
    };
    let members = packages.iter().map(|package| {
        let dependencies = package["dependencies"]
            .as_array()
            .expect("a list of dependencies");
        let used = dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev");
        let named = used.map(|dependency| match dependency["path"].as_str() {
            Some(path) => format!("ours/{}", name(Path::new(path))),
            None => dependency["name"].as_str().expect("a name").to_owned(),
        });
        let folder = folder(package);
        let dependencies = named.collect();
        (name(&folder), Member { folder, dependencies })
    });
    members.collect()
}

#[test]
fn arrows_between_crates_do_not_turn_round() {
    let members = members();
    let listed: BTreeSet<_> = ARROWS.iter().map(|(member, ..)| *member).collect();
    let there: BTreeSet<_> = members.keys().map(String::as_str).collect();
    assert_eq!(there, listed, "a new crate says here what it may depend on");
    for (member, ours, never) in ARROWS {
        for dependency in &members[*member].dependencies {
            match dependency.strip_prefix("ours/") {
                Some(other) => assert!(ours.contains(&other), "{member} must not depend on {other}"),
                None => assert!(
                    !never.contains(&dependency.as_str()),
                    "{member} must not use {dependency}"
                ),
            }
        }
    }
}

#[test]
fn the_map_lists_every_crate() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is an ARCHITECTURE.md");
    let map = text
        .split("\n## ")
        .find(|section| section.starts_with("The map\n"));
    let rows = map.expect("it has a section `The map`").lines();
    let listed: Vec<_> = rows
        .filter_map(|row| row.strip_prefix("| `")?.split_once('`'))
        .map(|(member, _)| member.to_owned())
        .collect();
    let unique: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), unique.len(), "each crate has one row: {listed:?}");
    assert_eq!(
        unique,
        members().into_keys().collect(),
        "the map and the workspace differ"
    );
}

#[test]
fn source_files_are_short_documented_and_finished() {
    // In two parts each, so that this file does not have what it looks for.
    let unfinished = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
    ];
    let mut faults = Vec::new();
    let files = source_files();
    assert!(files.len() > 100, "the sources were not found: {files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file is text");
        let shown = file.strip_prefix(root()).unwrap_or(&file).display();
        if !text.starts_with("//! ") {
            faults.push(format!("{shown} does not begin with what it is for"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{shown} has {lines} lines, more than {LINES_MAX}"));
        }
        for word in unfinished.iter().filter(|word| text.contains(**word)) {
            faults.push(format!("{shown} has a {word}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

fn source_files() -> Vec<PathBuf> {
    let mut folders: Vec<_> = members().into_values().map(|member| member.folder).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}
