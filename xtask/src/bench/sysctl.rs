//! Settings of the system that very many connections need. They are put back when dropped, which a signal
//! comes to as well.

use std::fs;
use std::path::{Path, PathBuf};

use crate::step::say;

/// Sessions from which on the usual settings are in the way.
const USUAL_SESSIONS_MAX: usize = 200_000;

/// What is set while many sessions are held.
#[derive(Debug)]
pub(super) struct Sysctls(Vec<(PathBuf, String)>);

/// How a setting changes. Numbers stand in their order in the file; `None` is left as it is.
type Change = fn(number: u64, place: usize, sessions: u64) -> u64;

const CHANGES: [(&str, Change); 5] = [
    ("net/core/somaxconn", |number, _, _| number.max(4_096)),
    // The least and the usual size of a socket's buffers: an idle one needs neither.
    ("net/ipv4/tcp_rmem", |number, place, _| {
        if place < 2 {
            number.min([4_096, 16_384][place])
        } else {
            number
        }
    }),
    ("net/ipv4/tcp_wmem", |number, place, _| {
        if place < 2 { number.min(4_096) } else { number }
    }),
    // Pages for the buffers of all sockets.
    ("net/ipv4/tcp_mem", |number, _, sessions| number.max(sessions / 2)),
    ("net/ipv4/ip_local_port_range", |number, place, _| match place {
        0 => number.min(10_000),
        _ => number.max(65_000),
    }),
];

impl Sysctls {
    /// Makes room for so many sessions, where this process may.
    pub(super) fn for_sessions(sessions: usize) -> Self {
        Self::within(Path::new("/proc/sys"), sessions)
    }

    fn within(folder: &Path, sessions: usize) -> Self {
        let mut before = Vec::new();
        for (name, change) in CHANGES.into_iter().filter(|_| sessions > USUAL_SESSIONS_MAX) {
            let path = folder.join(name);
            let Ok(old) = fs::read_to_string(&path) else {
                continue;
            };
            let new = changed(&old, change, sessions as u64);
            if new == old.split_whitespace().collect::<Vec<_>>().join(" ") {
                continue;
            }
            match fs::write(&path, &new) {
                Ok(()) => before.push((path, old)),
                // Who may not set it tries without.
                Err(error) => say(&format!("    {} cannot be set to {new}: {error}", path.display())),
            }
        }
        Self(before)
    }
}

fn changed(old: &str, change: Change, sessions: u64) -> String {
    let numbers = old.split_whitespace().enumerate().map(|(place, text)| {
        let number = text.parse();
        number.map_or_else(
            |_| text.to_owned(),
            |number| change(number, place, sessions).to_string(),
        )
    });
    numbers.collect::<Vec<_>>().join(" ")
}

impl Drop for Sysctls {
    fn drop(&mut self) {
        for (path, value) in &self.0 {
            if let Err(error) = fs::write(path, value.trim()) {
                eprintln!(
                    "{} could not be set back to {}: {error}",
                    path.display(),
                    value.trim()
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str, &str); 5] = [
        // More than is needed stays.
        ("net/core/somaxconn", "8192\n", "8192\n"),
        (
            "net/ipv4/tcp_rmem",
            "4096\t131072\t33554432\n",
            "4096 16384 33554432",
        ),
        ("net/ipv4/tcp_wmem", "4096\t16384\t4194304\n", "4096 4096 4194304"),
        (
            "net/ipv4/tcp_mem",
            "287901\t383868\t575802\n",
            "500000 500000 575802",
        ),
        ("net/ipv4/ip_local_port_range", "32768\t60999\n", "10000 65000"),
    ];

    #[test]
    fn settings_make_room_and_are_put_back() {
        let folder = tempfile::tempdir().unwrap();
        for (name, before, _) in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, before).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let few = Sysctls::within(folder.path(), USUAL_SESSIONS_MAX);
        for (name, before, _) in FILES {
            assert_eq!(read(name), before);
        }
        drop(few);
        let many = Sysctls::within(folder.path(), 1_000_000);
        for (name, _, during) in FILES {
            assert_eq!(read(name), during);
        }
        drop(many);
        for (name, before, _) in FILES {
            assert_eq!(read(name).trim(), before.trim());
        }
    }
}
