//! The program itself, against servers whose numbers are known to be right, or to be wrong.

mod stub;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use stub::Stub;

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn crowd(server: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crowd"))
        .args(["--server", server])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("the crowd runs")
}

/// The lines of a run, without the report; and the report.
fn lines(output: &Output) -> (Vec<serde_json::Value>, serde_json::Value) {
    let text = String::from_utf8_lossy(&output.stdout);
    let values = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"));
    let mut values: Vec<serde_json::Value> = values.collect();
    let mut report = values
        .pop()
        .unwrap_or_else(|| panic!("nothing was said: {output:?}"));
    let phases = values.iter_mut().map(|line| line["phase"].take()).collect();
    (phases, report["report"].take())
}

#[test]
fn sessions_come_stay_alive_and_come_back() {
    let started = Command::new(env!("CARGO_BIN_EXE_bare-ws"))
        .args(["--threads", "2"])
        .stdout(Stdio::piped())
        .spawn();
    let mut bare = Killed(started.expect("it starts"));
    let mut address = String::new();
    let stdout = bare.0.stdout.take().expect("stdout is piped");
    BufReader::new(stdout)
        .read_line(&mut address)
        .expect("it says where it listens");

    let plan = "--protocol bare --sessions 300 --heartbeat-s 1 --hold-s 3 --storms 1 --churn-per-s 200 \
                --churn-s 2 --churn-sessions 100";
    let output = crowd(address.trim(), &plan.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "{output:?}");
    let (phases, report) = lines(&output);
    let names: Vec<_> = phases
        .iter()
        .map(|phase| phase["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["login", "hold", "storm", "churn"]);
    for phase in &phases {
        assert_eq!(
            (&phase["refused"], &phase["sessions"]),
            (&0.into(), &300.into()),
            "{phase}"
        );
    }
    assert_eq!(phases[2]["ops"], 300);
    let heartbeats = phases[1]["heartbeats"].as_u64().unwrap();
    assert!(
        (600..=1_200).contains(&heartbeats),
        "{heartbeats} of 300 sessions in 3 s"
    );
    let logins = phases[3]["ops"].as_u64().unwrap();
    assert!((200..=400).contains(&logins), "{logins} at 200 a second in 2 s");
    assert_eq!(report["wrong"], 0);
}

const COUNTED: &str = "--sdkappid 1 --secret-key k --community @TGS#_c --sessions 20 --hold-s 1 --storms 1 \
                       --churn-per-s 40 --churn-s 2 --churn-sessions 20 --ask-per-s 100";

#[test]
fn right_counts_are_found_right() {
    let stub = Stub::start(0);
    let output = crowd(&stub.address, &COUNTED.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "{output:?}");
    let (phases, report) = lines(&output);
    assert_eq!((&report["wrong"], &report["refused"]), (&0.into(), &0.into()));
    assert!(report["asked"].as_u64().unwrap() > 100, "{report}");
    assert!(
        phases[3]["freshness_us"]["p50"].as_u64().unwrap() > 0,
        "{:?}",
        phases[3]
    );
}

#[test]
fn those_who_join_come_back_as_members() {
    let stub = Stub::start(0);
    let plan = COUNTED.split_whitespace().chain(["--join"]).collect::<Vec<_>>();
    let output = crowd(&stub.address, &plan);
    assert!(output.status.success(), "{output:?}");
    let (_, report) = lines(&output);
    assert_eq!((&report["wrong"], &report["refused"]), (&0.into(), &0.into()));
}

#[test]
fn a_count_that_is_off_by_one_is_found() {
    for error in [1, -1] {
        let stub = Stub::start(error);
        let output = crowd(
            &stub.address,
            &COUNTED.split_whitespace().collect::<Vec<_>>()[..10],
        );
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let (_, report) = lines(&output);
        assert!(report["wrong"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn nobody_there_is_said() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = crowd(
        &address.to_string(),
        &["--protocol", "bare", "--sessions", "3", "--hold-s", "0"],
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("was not let in"),
        "{output:?}"
    );
}
