//! Importing from CSV files into a folder without a server.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Ended, Process};
use crate::support::{App, Server, create_app, headcount};
use crate::text;

/// A data folder with an app, and a place for files.
struct Stand {
    folder: TempDir,
    app: App,
}

impl Stand {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let app = create_app(&folder.path().join("data"), &[]);
        Self { folder, app }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn file(&self, content: impl AsRef<[u8]>) -> String {
        let file = self.folder.path().join("file.csv");
        fs::write(&file, content).expect("it can be written");
        text(&file).to_owned()
    }

    /// Imports a file of this content.
    fn import(&self, kind: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Ended {
        let file = self.file(content);
        self.start(kind, &file, more).ended()
    }

    fn start(&self, kind: &str, file: &str, more: &[&str]) -> Process {
        let (data, app) = (self.data(), self.app.sdkappid.to_string());
        let always = [
            "import",
            kind,
            file,
            "--data-dir",
            text(&data),
            "--sdkappid",
            &app,
        ];
        Process::start(&[&always, more].concat(), &[])
    }

    /// Imports a file that has no faults, and returns what was told before the times.
    fn imports(&self, kind: &str, content: &str, more: &[&str]) -> String {
        let ended = self.import(kind, content, more);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        told(&ended)
    }

    fn audit(&self) {
        let audit = headcount(&["audit", "--data-dir", text(&self.data())]);
        assert_eq!(audit.code, Some(0), "{audit:?}");
    }

    /// Asks a server on this folder something.
    fn ask(&self, command: &str, body: &Value) -> Value {
        let server = Server::start(&self.data(), &[]);
        let answer = server.connect(&self.app).ok(command, body);
        assert_eq!(server.stop().code, Some(0));
        answer
    }

    fn group(&self, id: &str) -> Value {
        let answer = self.ask(
            "group_open_http_svc/get_group_info",
            &json!({ "GroupIdList": [id] }),
        );
        answer["GroupInfo"][0].clone()
    }
}

/// What an import told, without the times.
fn told(ended: &Ended) -> String {
    let (told, times) = ended.stdout.split_once("; ").expect("it tells what it did");
    assert!(times.ends_with(" rows/s\n"), "{ended:?}");
    told.to_owned()
}

const GROUPS: &str = "GroupId,Type,Name\n@TGS#_a,Community,A\n@TGS#_b,Community,B\nroom,ChatRoom,Room\n";

#[test]
fn what_was_imported_is_what_the_server_shows() {
    let stand = Stand::new();
    let accounts = "Nick,UserID,FaceUrl\n\"Alice, the first\",alice,http://a/a.png\n,bob,\n,carol,\n";
    assert_eq!(stand.imports("accounts", accounts, &[]), "accounts: 3 added");
    let groups = "GroupId,Type,Name,Owner_Account,Introduction,Notification,FaceUrl,MaxMemberCount,\
                  ApplyJoinOption,InviteJoinOption,SupportTopic,CreateTime\n\
                  @TGS#_a,Community,A,alice,intro,note,http://g,500,NeedPermission,DisableInvite,1,1700000000\n\
                  room,Meeting,Room,,,,,,,,,\n";
    assert_eq!(stand.imports("groups", groups, &[]), "groups: 2 added");
    let members = "JoinTime,Role,Member_Account,GroupId\n1700000100,Admin,bob,@TGS#_a\n,,carol,@TGS#_a\n,Member,bob,room\n";
    assert_eq!(stand.imports("members", members, &[]), "members: 3 added");
    stand.audit();

    let server = Server::start(&stand.data(), &[]);
    let mut connection = server.connect(&stand.app);
    let ids = json!({ "GroupIdList": ["@TGS#_a", "room"] });
    let info = connection.ok("group_open_http_svc/get_group_info", &ids);
    let shown = [
        ("Type", json!("Community")),
        ("Name", json!("A")),
        ("Owner_Account", json!("alice")),
        ("Introduction", json!("intro")),
        ("Notification", json!("note")),
        ("FaceUrl", json!("http://g")),
        ("MaxMemberNum", json!(500)),
        ("ApplyJoinOption", json!("NeedPermission")),
        ("CreateTime", json!(1_700_000_000)),
        ("MemberNum", json!(3)),
    ];
    for (field, value) in shown {
        assert_eq!(info["GroupInfo"][0][field], value, "{field}: {info}");
    }
    assert_eq!(info["GroupInfo"][1]["MemberNum"], 1, "{info}");
    let list = connection.ok(
        "group_open_http_svc/get_group_member_info",
        &json!({ "GroupId": "@TGS#_a", "Limit": 10 }),
    );
    let bob = list["MemberList"]
        .as_array()
        .unwrap()
        .iter()
        .find(|member| member["Member_Account"] == "bob");
    let bob = bob.unwrap_or_else(|| panic!("no bob: {list}"));
    assert_eq!(
        (&bob["Role"], &bob["JoinTime"]),
        (&json!("Admin"), &json!(1_700_000_100)),
        "{list}"
    );
    let online = connection.ok(
        "group_open_http_svc/get_online_member_num",
        &json!({ "GroupId": "@TGS#_a" }),
    );
    assert_eq!(online["OnlineMemberNum"], 0);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn the_documented_example_works() {
    let page = include_str!("../../../../docs/importing.md");
    let stand = Stand::new();
    let (_, marked) = page
        .split_once("<!-- test: importing -->\n```sh\n")
        .expect("the page has the commands");
    let (commands, _) = marked.split_once("```").expect("the block ends");
    let mut ran = 0;
    for command in commands.lines() {
        let words: Vec<_> = command.split(' ').collect();
        let [
            "headcount",
            "import",
            kind,
            file,
            "--data-dir",
            "./data",
            "--sdkappid",
            "1400000001",
        ] = words[..]
        else {
            panic!("{command}");
        };
        let (_, block) = page
            .split_once(&format!("{file}:\n\n```csv\n"))
            .expect("the page has the file");
        let (content, _) = block.split_once("```").expect("the block ends");
        stand.imports(kind, content, &[]);
        ran += 1;
    }
    assert_eq!(ran, 3);
    stand.audit();
    assert_eq!(stand.group("@TGS#_fans")["MemberNum"], 3);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let stand = Stand::new();
    let accounts = "UserID,Nick\nalice,Alice\nbob,\n";
    let groups = "GroupId,Type,Name,Owner_Account\n@TGS#_a,Community,A,alice\nroom,Public,Room,\n";
    let members = "GroupId,Member_Account\n@TGS#_a,bob\nroom,alice\nroom,alice\n";
    let files = [("accounts", accounts), ("groups", groups), ("members", members)];
    let first = files.map(|(kind, content)| stand.imports(kind, content, &[]));
    assert_eq!(
        first,
        [
            "accounts: 2 added",
            "groups: 2 added",
            "members: 2 added, 1 there already"
        ]
    );
    let again = files.map(|(kind, content)| stand.imports(kind, content, &[]));
    let present = [
        "accounts: 0 added, 2 there already",
        "groups: 0 added, 2 there already",
        "members: 0 added, 3 there already",
    ];
    assert_eq!(again, present);
    let renamed = stand.imports("accounts", "UserID,Nick\nalice,Alicia\nbob,\n", &[]);
    assert_eq!(renamed, "accounts: 0 added, 1 changed, 1 there already");
    stand.audit();
    assert_eq!(stand.group("@TGS#_a")["MemberNum"], 2, "the owner and bob");
}

#[test]
fn faulty_lines_are_named_and_the_others_imported() {
    let stand = Stand::new();
    let long = "x".repeat(33);
    let faulty = stand.import(
        "accounts",
        format!("UserID,Nick\r\nalice,\r\n{long},\r\n\r\n,x\r\nbob\r\ncarol,Carol\r\n"),
        &[],
    );
    assert_eq!(
        (faulty.code, told(&faulty).as_str()),
        (Some(1), "accounts: 2 added, 3 faulty")
    );
    let expected = "line 3: a UserID has 1 to 32 bytes of printable ASCII\nline 5: UserID is empty\n\
                    line 6: it has 1 cells, and there are 2 columns\n";
    assert_eq!(faulty.stderr, expected);
    let faulty = stand.import("accounts", b"UserID,Nick\ndave,\xff\nerin,\n", &[]);
    assert_eq!(faulty.stderr, "line 2: it is not UTF-8\n");

    let groups = "GroupId,Type,Name,Owner_Account,CreateTime,MaxMemberCount\n\
                  @TGS#_a,Community,A,alice,1700000000,2\nfans,Community,B,,,\nroom,Chat,C,,,\nlive,AVChatRoom,D,,,\n\
                  g,Public,,,,\ng,Public,G,nobody,,\ng,Public,G,,99999999999,\ng,Public,G,,,many\n@TGS#_a,Community,A,carol,,\n\
                  open,ChatRoom,Open,,,\n";
    let faulty = stand.import("groups", groups, &[]);
    assert_eq!(
        (faulty.code, told(&faulty).as_str()),
        (Some(1), "groups: 2 added, 8 faulty"),
        "{faulty:?}"
    );
    let lines: Vec<_> = faulty.stderr.lines().collect();
    let starts = [
        "line 3: invalid group id: a community's own id begins",
        "line 4: Type \"Chat\" is not ",
        "line 5: an AVChatRoom has nothing to import",
        "line 6: Name must not be empty",
        "line 7: Owner_Account \"nobody\" has no account",
        "line 8: CreateTime is in the future",
        "line 9: MaxMemberCount \"many\" is not a number",
        "line 10: GroupId is taken by a group of another owner",
    ];
    assert_eq!(lines.len(), starts.len(), "{faulty:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }

    let members = "GroupId,Member_Account,Role,JoinTime\nopen,nobody,,\nnowhere,bob,,\n@TGS#_a,carol,Owner,\n\
                   @TGS#_a,carol,,1600000000\n@TGS#_a,carol,,soon\n@TGS#_a,alice,,\n@TGS#_a,carol,,\n@TGS#_a,erin,,\n\
                   open,erin,,\n";
    let faulty = stand.import("members", members, &[]);
    assert_eq!(
        (faulty.code, told(&faulty).as_str()),
        (Some(1), "members: 2 added, 1 there already, 6 faulty"),
        "{faulty:?}"
    );
    let expected = "line 2: Member_Account \"nobody\" has no account; import it first, or give --create-accounts\n\
                    line 3: GroupId \"nowhere\": there is no such group; create or import it first\n\
                    line 4: Role \"Owner\" is not Member or Admin\n\
                    line 5: JoinTime 1600000000 must not be before the group's CreateTime nor in the future\n\
                    line 6: JoinTime \"soon\" is not a time in Unix seconds\n\
                    line 9: Member_Account \"erin\" finds no room: the group has as many members as its MaxMemberCount\n";
    assert_eq!(faulty.stderr, expected);
    stand.audit();
    assert_eq!(stand.group("@TGS#_a")["MemberNum"], 2);
}

#[test]
fn of_many_faults_the_first_are_shown() {
    let stand = Stand::new();
    let line = |n| format!("{}{n}\n", "x".repeat(32));
    let lines = (0..50).map(line).collect::<Vec<_>>().concat();
    let faulty = stand.import("accounts", format!("UserID\n{lines}"), &[]);
    assert_eq!(told(&faulty), "accounts: 0 added, 50 faulty");
    let shown: Vec<_> = faulty.stderr.lines().collect();
    assert_eq!(shown.len(), 21, "{faulty:?}");
    assert_eq!(shown[20], "and 30 more faulty lines");
}

#[test]
fn members_of_one_group_with_new_accounts() {
    let stand = Stand::new();
    stand.imports("groups", GROUPS, &[]);
    let made = stand.imports(
        "members",
        "\u{feff}Member_Account\nalice\nbob\nalice\n",
        &["--group", "room", "--create-accounts"],
    );
    assert_eq!(made, "members: 2 added, 1 there already, 2 accounts made");
    stand.audit();
    assert_eq!(stand.group("room")["MemberNum"], 2);
}

#[test]
fn standard_input_is_a_file_too() {
    let stand = Stand::new();
    let (data, app) = (stand.data(), stand.app.sdkappid.to_string());
    let mut child = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .args([
            "import",
            "accounts",
            "-",
            "--data-dir",
            text(&data),
            "--sdkappid",
            &app,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"UserID\nalice\nbob\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && stdout.starts_with("accounts: 2 added; "),
        "{stdout}"
    );
}

#[test]
fn a_file_of_another_form_is_refused_as_a_whole() {
    let stand = Stand::new();
    let refused = |kind: &str, content: &str, more: &[&str], texts: &[&str]| {
        let ended = stand.import(kind, content, more);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        for text in texts {
            assert!(ended.stderr.contains(text), "not a word of {text:?}: {ended:?}");
        }
    };
    refused(
        "accounts",
        "UserId,Nick\na,\n",
        &[],
        &["\"UserId\"", "did you mean UserID?"],
    );
    refused(
        "accounts",
        "UserID,zzz\na,\n",
        &[],
        &["\"zzz\"", "UserID, Nick, FaceUrl"],
    );
    refused("accounts", "Nick\na\n", &[], &["UserID is missing"]);
    refused(
        "accounts",
        "UserID,UserID\na,a\n",
        &[],
        &["UserID is there twice"],
    );
    refused("accounts", "", &[], &["UserID is missing"]);
    refused("members", "Member_Account\na\n", &[], &["GroupId is missing"]);
    refused(
        "members",
        "GroupId,Member_Account\ng,a\n",
        &["--group", "g"],
        &["\"GroupId\""],
    );
    refused(
        "members",
        "Member_Account\na\n",
        &["--group", "é"],
        &["--group", "invalid group id"],
    );
    let absent = stand.start("accounts", "/no/file.csv", &[]).ended();
    assert!(absent.stderr.contains("cannot read /no/file.csv"), "{absent:?}");
}

#[test]
fn neither_folder_nor_app_is_made_by_mistake() {
    let stand = Stand::new();
    let file = stand.file("UserID\nalice\n");
    let elsewhere = stand.folder.path().join("elsewhere");
    let app = stand.app.sdkappid.to_string();
    for (data, app, told) in [
        (&elsewhere, app.as_str(), "there is no data"),
        (&stand.data(), "5", "there is no app 5"),
    ] {
        let ended = headcount(&[
            "import",
            "accounts",
            &file,
            "--data-dir",
            text(data),
            "--sdkappid",
            app,
        ]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(told), "{ended:?}");
    }
    assert!(!elsewhere.exists());
}

#[test]
fn beside_a_running_server_it_is_refused() {
    let stand = Stand::new();
    let server = Server::start(&stand.data(), &[]);
    for (kind, content) in [
        ("accounts", "UserID\nalice\n"),
        ("groups", GROUPS),
        ("members", "GroupId,Member_Account\ng,alice\n"),
    ] {
        let refused = stand.import(kind, content, &[]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(1), ""),
            "{refused:?}"
        );
        for text in ["Stop the server", "over REST", text(&stand.data())] {
            assert!(refused.stderr.contains(text), "{refused:?}");
        }
    }
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(
        stand.imports("accounts", "UserID\nalice\n", &[]),
        "accounts: 1 added"
    );
}

/// Looks at the folder, each of which takes a while, until a batch should be there.
const POLLS_MAX: usize = 1_000_000;
/// More than three batches.
const MANY: usize = 900_000;

#[test]
fn an_import_that_was_killed_is_whole_and_can_be_run_again() {
    let stand = Stand::new();
    stand.imports("groups", GROUPS, &[]);
    let lines = (0..MANY)
        .map(|n| format!("user{n}\n"))
        .collect::<Vec<_>>()
        .concat();
    let file = stand.file(format!("Member_Account\n{lines}"));
    let more = ["--group", "@TGS#_a", "--create-accounts"];
    let mut killed = stand.start("members", &file, &more);
    let members = || members_stored(&stand.data());
    // Once the first batch is there, others are under way.
    let committed = (0..POLLS_MAX).any(|_| members() > 0);
    assert!(committed, "no batch was ever committed: {:?}", killed.ended());
    killed.kill();
    let ended = killed.ended();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (None, ""),
        "it was killed before its end"
    );
    let kept = members();
    assert!((1..MANY).contains(&kept), "{kept} members");
    stand.audit();
    let again = stand.start("members", &file, &more).ended();
    let left = MANY - kept;
    assert_eq!(
        told(&again),
        format!("members: {left} added, {kept} there already, {left} accounts made")
    );
    stand.audit();
    assert_eq!(stand.group("@TGS#_a")["MemberNum"], MANY);
}

/// How many members the groups in a data folder show together.
fn members_stored(data: &Path) -> usize {
    let database = rusqlite::Connection::open(data.join("headcount.db")).expect("it opens");
    database
        .busy_timeout(std::time::Duration::from_secs(5))
        .expect("it takes options");
    let sum = database.query_row("SELECT sum(member_num) FROM groups", [], |row| row.get(0));
    sum.expect("there are groups")
}
