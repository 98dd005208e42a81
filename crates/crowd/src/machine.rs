//! What the machine says of processes and of itself.

use std::fs;

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time so far, in microseconds; the system counts in steps of 10 ms.
    pub(crate) cpu_us: u64,
    pub(crate) resident_bytes: u64,
}

/// Steps a second in which the system counts CPU time, on every Linux of today.
const TICKS_PER_S: u64 = 100;

/// What a process used so far; `None` when it is not there.
pub(crate) fn usage(pid: &str) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; behind it, user and system time are the 12th and 13th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let cpu_us = (ticks()? + ticks()?) * 1_000_000 / TICKS_PER_S;
    Some(Usage {
        cpu_us,
        resident_bytes: kib(&format!("/proc/{pid}/status"), "VmRSS:")? * 1024,
    })
}

/// Memory that is free for programs.
pub(crate) fn available_bytes() -> u64 {
    kib("/proc/meminfo", "MemAvailable:").unwrap_or(0) * 1024
}

fn kib(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Settings of the system that would be in the way of so many sessions, and what to set.
pub(crate) fn advice(sessions: usize) -> Vec<String> {
    let first = |path: &str| -> Option<u64> {
        let text = fs::read_to_string(path).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let mut advice = Vec::new();
    let backlog = first("/proc/sys/net/core/somaxconn").filter(|&most| most < 4096);
    advice.extend(backlog.map(|most| format!("net.core.somaxconn is {most}: set it to 4096")));
    // Pages of sockets' buffers, of which an idle one has next to none.
    if let Ok(text) = fs::read_to_string("/proc/sys/net/ipv4/tcp_mem")
        && let Some(most) = text
            .split_whitespace()
            .nth(2)
            .and_then(|most| most.parse::<u64>().ok())
        && most < sessions as u64 / 4
    {
        advice.push(format!(
            "net.ipv4.tcp_mem ends at {most} pages: set its last number to {}",
            sessions / 4
        ));
    }
    let files = first("/proc/sys/fs/file-max").filter(|&most| most < 2 * sessions as u64);
    advice.extend(files.map(|most| format!("fs.file-max is {most}: set it to {}", 3 * sessions)));
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let usage = usage("self").unwrap();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        assert!(available_bytes() > usage.resident_bytes);
        assert!(super::usage("no-such-process").is_none());
    }
}
