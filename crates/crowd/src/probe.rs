//! How fresh a count is: from the acknowledgement of a login or a logout to the first answer that shows it.
//!
//! Measured in a community of its own, whose one member comes and goes: there the count must be 0 or 1,
//! and nothing else moves it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::interval;

use crate::ask::{Answers, question};
use crate::clock;
use crate::rest::{Rest, request};
use crate::session::{Failed, Session};
use crate::tally::Times;
use crate::worker::Shared;

const COMMUNITY: &str = "@TGS#_crowdprobe";
const USER: &str = "crowd_probe";
/// Where the prober connects from.
const SOURCE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Answers until which a change must have shown.
const ANSWERS_MAX: u32 = 10_000;
/// How often the member comes.
const EVERY: Duration = Duration::from_millis(10);
/// Codes that tell that the community was made by an earlier run.
const THERE_ALREADY: [i64; 2] = [10_021, 10_025];

/// Makes the community and its member.
async fn prepare(shared: &Shared, rest: &mut Rest) -> io::Result<()> {
    let member = json!({ "GroupId": COMMUNITY, "MemberList": [{ "Member_Account": USER }] });
    let calls = [
        ("im_open_login_svc/account_import", json!({ "UserID": USER })),
        (
            "group_open_http_svc/create_group",
            json!({ "Type": "Community", "Name": "probe", "GroupId": COMMUNITY }),
        ),
        ("group_open_http_svc/import_group_member", member),
    ];
    for (command, body) in calls {
        let answer = rest.call(&request(&shared.args, command, &body)).await?;
        let code = answer["ErrorCode"].as_i64().unwrap_or(-1);
        if code != 0 && !THERE_ALREADY.contains(&code) {
            return Err(io::Error::other(format!("{command}: {answer}")));
        }
    }
    Ok(())
}

/// Comes and goes until dropped.
pub(crate) async fn run(shared: Arc<Shared>, answers: Arc<Answers>, times: Arc<Times>) {
    if let Err(error) = probe(&shared, &answers, &times).await {
        answers.wrong(&format!("the probe ended: {error}"));
    }
}

async fn probe(shared: &Shared, answers: &Answers, times: &Times) -> io::Result<()> {
    let args = &shared.args;
    let mut rest = Rest::open(args.server).await?;
    prepare(shared, &mut rest).await?;
    let question = question(shared, COMMUNITY);
    let usersig = usersig::sign(
        &args.secret_key,
        args.sdkappid,
        USER,
        clock::wall_s(),
        86_400,
        None,
    );
    let login = shared.messages.login(USER, &usersig);
    let failed = |failed: Failed| io::Error::other(failed.to_string());
    let mut pace = interval(EVERY);
    loop {
        pace.tick().await;
        let connected = Session::connect(SOURCE, args.server, &shared.handshake).await;
        let mut session = connected.map_err(failed)?;
        session.ask(&login).await.map_err(failed)?;
        until(&mut rest, &question, 1, answers, times).await?;
        session.ask(shared.messages.logout()).await.map_err(failed)?;
        until(&mut rest, &question, 0, answers, times).await?;
    }
}

/// The first answer that comes after an acknowledgement has to show it: later ones are only asked for to
/// tell how much later it did.
async fn until(
    rest: &mut Rest,
    question: &[u8],
    must_be: u64,
    answers: &Answers,
    times: &Times,
) -> io::Result<()> {
    let began_us = clock::now_us();
    for asked in 0..ANSWERS_MAX {
        answers.asked.fetch_add(1, Ordering::Relaxed);
        if rest.count(question).await? == must_be {
            times.record(clock::now_us() - began_us);
            return Ok(());
        }
        if asked == 0 {
            answers.wrong(&format!(
                "what was acknowledged does not show: it is not {must_be} yet"
            ));
        }
    }
    Err(io::Error::other(format!("the count does not become {must_be}")))
}
