//! `docs/openapi.json` is true: what it shows as an answer is what the server answers.

use serde_json::{Value, json};

use crate::testkit::events::ask;
use crate::testkit::{ADMIN, APP, Server, Setup, every_platform, request};

fn document() -> Value {
    let text = include_str!("../../../../docs/openapi.json");
    serde_json::from_str(text).expect("docs/openapi.json is JSON")
}

/// The community of the examples: ann in a browser and on an iPhone, ben in a browser.
async fn server_of_the_examples() -> (Server, Vec<crate::testkit::Gateway>) {
    let server = Server::with(Setup {
        rules: every_platform(),
        ..Setup::default()
    })
    .await;
    server.group("Community", "@TGS#_fans", &["ann", "ben"]).await;
    let online = vec![
        server.client("ann").await,
        server.client_on("ann", 3).await,
        server.client("ben").await,
    ];
    (server, online)
}

/// Every `$ref` of the document leads somewhere.
fn check_references(document: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let pointer = reference
                    .strip_prefix('#')
                    .expect("a reference within the document");
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            fields
                .values()
                .for_each(|field| check_references(document, field));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(document, item)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    check_references(&document, &document);
}

#[tokio::test]
async fn the_answers_of_the_commands_are_as_shown() {
    let document = document();
    let (server, _online) = server_of_the_examples().await;
    let paths = document["paths"].as_object().expect("paths");
    let mut tried = 0;
    for (path, operations) in paths {
        let Some(post) = operations.get("post") else {
            continue;
        };
        let asked = &post["requestBody"]["content"]["application/json"]["example"];
        let target = format!("{path}?{}", server.query(APP));
        let answer = request(server.address, "POST", &target, asked.to_string()).await;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let mut shown = post["responses"]["200"]["content"]["application/json"]["example"].clone();
        if shown.get("AsOf").is_some() {
            shown["AsOf"] = json!(server.now_ms());
        }
        assert_eq!(answer, shown, "{path}");
        tried += 1;
    }
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn the_event_of_the_stream_is_as_shown() {
    let document = document();
    let (server, _online) = server_of_the_examples().await;
    let path = "/v1/apps/{sdkappid}/counts/stream";
    let get = &document["paths"][path]["get"];
    let usersig = server.sign(APP, ADMIN);
    let groups = get["parameters"].as_array().expect("parameters");
    let groups = groups.iter().find(|parameter| parameter["name"] == "group");
    let groups: Vec<String> = groups.expect("group")["example"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| format!("&group={}", group.as_str().expect("an id").replace('#', "%23")))
        .collect();
    let target = format!(
        "{}?identifier={ADMIN}&usersig={usersig}&by_platform=1{}",
        path.replace("{sdkappid}", &APP.to_string()),
        groups.concat()
    );
    let mut events = ask(server.address, "GET", &target, None).await.expect("a stream");
    let event = events.event().await;
    let shown = &get["responses"]["200"]["content"]["text/event-stream"]["example"];
    let lines: Vec<_> = shown.as_str().expect("a text").lines().collect();
    assert_eq!((lines[0], lines.len()), ("event: counts", 4));
    let mut data: Value = serde_json::from_str(lines[1].strip_prefix("data: ").expect("data")).expect("JSON");
    data["AsOf"] = json!(server.now_ms());
    assert_eq!(event.data, data);
    let id = lines[2].strip_prefix("id: ").expect("an id");
    assert_eq!(id.find('-'), event.id.find('-'), "{id} and {}", event.id);

    let missing = target.replace("fans", "gone");
    let statuses = get["responses"].as_object().expect("responses");
    for (wrong, status) in [
        (target.replace("by_platform=1", "by_platform=x"), 400),
        (target.replace("usersig=", "usersig=x"), 401),
        (missing, 404),
    ] {
        let answered = ask(server.address, "GET", &wrong, None)
            .await
            .err()
            .expect("a fault");
        assert_eq!(answered.0, status);
        assert!(
            statuses.contains_key(&status.to_string()),
            "{status} is not shown"
        );
    }
}
